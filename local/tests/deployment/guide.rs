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
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|')).filter(|line| line.starts_with("| `"));
    let explained: BTreeSet<String> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    assert_eq!(explained, parameters);

    let groups = template.at("Metadata.AWS::CloudFormation::Interface.ParameterGroups").as_sequence().unwrap();
    let grouped = groups.iter().flat_map(|group| group["Parameters"].as_sequence().unwrap());
    let grouped: BTreeSet<String> = grouped.map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(grouped, parameters);

    let labels = template.at("Metadata.AWS::CloudFormation::Interface.ParameterLabels").as_mapping().unwrap().keys();
    assert_eq!(labels.map(|name| name.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), parameters);
    for (name, parameter) in template.at("Parameters").as_mapping().unwrap() {
        assert!(parameter["Description"].as_str().is_some_and(|text| !text.is_empty()), "{name:?}");
    }
}
