use shared::contract::Id;
use shared::scope::Scope;

fn of_any_tenant(organization: Id) -> Scope {
    Scope::signed(organization)
}

fn main() {}
