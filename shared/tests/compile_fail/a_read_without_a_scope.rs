use shared::contract::Id;
use shared::records::{Feature, Filter, Reader};

async fn unchecked(reader: &Reader, feature: &Feature, organization: &Id) {
    let _ = reader.find(feature, organization, &Filter::default()).await;
}

fn main() {}
