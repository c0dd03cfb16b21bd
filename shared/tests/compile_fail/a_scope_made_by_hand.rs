use shared::contract::Id;
use shared::scope::Scope;

fn of_any_tenant(organization: Id) -> Scope {
    Scope { organization: Some(organization), limits: None, author: None }
}

fn main() {}
