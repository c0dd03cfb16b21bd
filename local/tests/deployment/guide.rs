//! The deployment guide knows every parameter of the template, and no other.

use std::collections::BTreeSet;

use crate::support::read;
use crate::template::Template;

#[test]
fn the_guide_explains_each_parameter() {
    let template = Template::read();
    let parameters = template.at("Parameters").as_mapping().unwrap().keys();
    let parameters: BTreeSet<String> = parameters.map(|name| name.as_str().unwrap().to_owned()).collect();
    let guide = read("docs/deploy.md");
    let (_, table) = guide.split_once("| Parameter |").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let explained: BTreeSet<String> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    assert_eq!(explained, parameters);

    let groups = template.at("Metadata.AWS::CloudFormation::Interface.ParameterGroups").as_sequence().unwrap();
    let grouped = groups.iter().flat_map(|group| group["Parameters"].as_sequence().unwrap());
    let grouped: BTreeSet<String> = grouped.map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(grouped, parameters);
}
