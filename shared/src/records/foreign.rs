//! Reading a table that is not ours, by the names of its own keys.

use std::collections::{BTreeMap, HashMap};

use super::Table;
use super::item::{self, Item};
use super::read::pages;
use crate::Error;

impl Table {
    /// The items of distinct keys, each by the names of its attributes. One call for each 100.
    ///
    /// # Errors
    /// [`Error::unavailable`] when not everything could be read: never a part.
    pub async fn items(&self, keys: Vec<BTreeMap<String, String>>) -> Result<Vec<Item>, Error> {
        let keys: Vec<Item> = keys
            .into_iter()
            .map(|key| key.into_iter().map(|(name, text)| (name, item::text(text))).collect())
            .collect();
        self.batch_get_all(keys).await
    }

    /// Every item that an index has under `key`, by the names of its attributes.
    ///
    /// # Errors
    /// As [`Table::items`].
    pub async fn query_index(&self, index: &str, key: BTreeMap<String, String>) -> Result<Vec<Item>, Error> {
        let conditions: Vec<String> = (0..key.len()).map(|at| format!("#{at} = :{at}")).collect();
        let (names, values): (HashMap<_, _>, HashMap<_, _>) = key
            .into_iter()
            .enumerate()
            .map(|(at, (name, text))| ((format!("#{at}"), name), (format!(":{at}"), item::text(text))))
            .unzip();
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(index)
            .key_condition_expression(conditions.join(" AND "))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        pages(query).await
    }
}
