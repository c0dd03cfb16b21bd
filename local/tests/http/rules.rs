//! What DynamoDB makes of an update expression is what `merge` makes of a record that was read.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use shared::access::{Access, Gate};
use shared::contract::{Id, Metadata};
use shared::json::Json;
use shared::records::change::{Change, Move, Rule, Save};
use shared::records::{Authors, Feature, Filter, Place, Slot, Writer};
use shared::scope::Scope;
use shared::setup::Store as _;

use crate::support::App;

const FEATURE: Feature =
    Feature { name: "rules", crosses_organizations: false, in_documents: true, authors: Authors::Unknown };

fn id(text: &str) -> Id {
    Id::try_from(text.to_owned()).unwrap()
}

fn slots() -> impl Strategy<Value = Slot> {
    prop_oneof![
        (0..3_u8).prop_map(|n| Slot::Field(n.to_string())),
        (0..3_u8).prop_map(|n| Slot::Comment(n.to_string()))
    ]
}

/// Few values, some of which mean the same.
fn values() -> impl Strategy<Value = Option<Json>> {
    let texts = prop::sample::select(vec!["null", "1", "2", r#"{"a":1,"b":2}"#, r#"{ "b":2, "a":1 }"#]);
    prop::option::weighted(0.8, texts.prop_map(|text| Json::from_text(text.to_owned()).unwrap()))
}

fn rules() -> impl Strategy<Value = Rule> {
    prop::sample::select(vec![Rule::Set, Rule::Missing, Rule::Once, Rule::UnlessDeleted])
}

fn moves() -> impl Strategy<Value = Move> {
    prop::sample::select(vec![
        Move::Keep,
        Move::Fill(id("filled")),
        Move::Set(Some(id("set"))),
        Move::Set(Some(id("other"))),
        Move::Set(None),
    ])
}

/// One save: what it does to slots and to the place, and whether it makes a deleted record anew.
type Act = (BTreeMap<Slot, (Option<Json>, Rule)>, Move, Move, bool);

fn acts() -> impl Strategy<Value = Act> {
    // A marker of a deletion is put whatever is there, as comments are deleted.
    let changes = prop::collection::btree_map(slots(), (values(), rules()), 1..5).prop_map(|changes| {
        let set_if_none = |(value, rule): (Option<Json>, Rule)| match value {
            None => (None, Rule::Set),
            value => (value, rule),
        };
        changes.into_iter().map(|(slot, change)| (slot, set_if_none(change))).collect()
    });
    (changes, moves(), moves(), any::<bool>())
}

/// The save, and with `read` one that no update expression can say.
fn save(scope: &Scope, record: &str, (changes, document, folder, revives): &Act, read: bool) -> Save {
    let change = |(slot, (value, rule)): (&Slot, &(Option<Json>, Rule))| Change {
        slot: slot.clone(),
        value: value.clone(),
        rule: rule.clone(),
    };
    let forced = Change {
        slot: Slot::Field("forced".to_owned()),
        value: Json::from_text("0".to_owned()).ok(),
        rule: if read { Rule::Combine(|_, new| new.clone()) } else { Rule::Set },
    };
    Save {
        scope: scope.clone(),
        id: id(record),
        document: document.clone(),
        folder: folder.clone(),
        changes: changes.iter().map(change).chain([forced]).collect(),
        holds_files: false,
        revives: *revives,
    }
}

async fn stored(writer: &Writer, scope: &Scope, record: &str) -> Option<(Place, BTreeMap<Slot, Option<Json>>)> {
    let filter = Filter { ids: Some(vec![id(record)]), ..Filter::default() };
    let found = writer.reader().find(&FEATURE, scope, &filter).await.unwrap();
    found.into_iter().next().map(|record| (record.place, record.slots))
}

#[test]
fn an_update_expression_and_a_merge_end_alike() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let app = runtime.block_on(App::start());
    let setup = app.server.setup();
    let writer = Writer::open(&setup).unwrap();
    let caller = Gate::open(&setup).unwrap().caller(Access::Write, &http::HeaderMap::new(), None).unwrap();
    let metadata = Metadata { organization_id: Some(id("acme")), ..Metadata::default() };
    let scope = caller.scope(&metadata, "organizationId").unwrap();
    let next = std::cell::Cell::new(0);
    // None is a delete.
    let histories = prop::collection::vec(prop::option::weighted(0.85, acts()), 1..5);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(150));
    runner
        .run(&histories, |history| {
            next.set(next.get() + 1);
            let (updated, merged) = (format!("u{}", next.get()), format!("m{}", next.get()));
            runtime.block_on(async {
                for act in &history {
                    let Some(act) = act else {
                        writer.delete(&FEATURE, &scope, &id(&updated)).await.unwrap();
                        writer.delete(&FEATURE, &scope, &id(&merged)).await.unwrap();
                        continue;
                    };
                    let by_update = writer.save(&FEATURE, &[save(&scope, &updated, act, false)]).await;
                    let by_merge = writer.save(&FEATURE, &[save(&scope, &merged, act, true)]).await;
                    let kind = |ended: Result<(), shared::Error>| ended.err().map(|error| error.kind());
                    prop_assert_eq!(kind(by_update), kind(by_merge), "{:?}", act);
                    let (one, other) =
                        (stored(&writer, &scope, &updated).await, stored(&writer, &scope, &merged).await);
                    prop_assert_eq!(one, other, "{:?}", act);
                }
                Ok(())
            })
        })
        .unwrap();
}
