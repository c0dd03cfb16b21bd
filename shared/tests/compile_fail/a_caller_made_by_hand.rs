use shared::access::Grant;
use shared::scope::Caller;

fn everything(grant: Grant) -> Caller {
    Caller::new(grant, false, None, false)
}

fn main() {}
