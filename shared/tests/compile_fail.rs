//! What does not compile: naming a record without a caller who was checked.

#[test]
fn a_scope_is_made_by_checking_a_caller_alone() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
