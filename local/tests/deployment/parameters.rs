//! What the template makes of its parameters.

use std::collections::BTreeMap;

use regex_lite::Regex;
use yaml_serde::Value;

use crate::support::read;
use crate::template::{Template, argument, at};

/// The template with parameters of a deployment; those that it leaves out have their defaults.
struct Deployment {
    template: Template,
    parameters: BTreeMap<String, String>,
}

impl Deployment {
    fn with(given: &[(&str, &str)]) -> Self {
        let template = Template::read();
        let defaults = template.at("Parameters").as_mapping().unwrap().iter();
        let defaults = defaults.map(|(name, parameter)| (name.as_str().unwrap().to_owned(), &parameter["Default"]));
        let mut parameters: BTreeMap<_, _> = defaults.map(|(name, default)| (name, scalar(default))).collect();
        for (name, value) in given {
            assert!(parameters.insert((*name).to_owned(), (*value).to_owned()).is_some(), "{name} is no parameter");
        }
        Self { template, parameters }
    }

    /// The text at a path as `Outputs.BaseUrl.Value`; none for `AWS::NoValue`. What only AWS knows stays a name, as `<Api>`.
    fn at(&self, path: &str) -> Option<String> {
        self.text(self.template.at(path))
    }

    fn text(&self, value: &Value) -> Option<String> {
        let Value::Tagged(function) = value else { return Some(scalar(value)) };
        let (name, argument) = (function.tag.to_string(), &function.value);
        match name.trim_start_matches('!') {
            "If" if self.condition(argument[0].as_str().unwrap()) => self.text(&argument[1]),
            "If" => self.text(&argument[2]),
            "Ref" if argument == "AWS::NoValue" => None,
            "Ref" => Some(self.named(argument.as_str().unwrap())),
            "GetAtt" => Some(format!("<{}>", argument.as_str().unwrap())),
            "Sub" => {
                let text = argument.as_str().unwrap();
                let placeholder = Regex::new(r"\$\{([^}]+)\}").unwrap();
                Some(
                    placeholder
                        .replace_all(text, |found: &regex_lite::Captures<'_>| self.named(&found[1]))
                        .into_owned(),
                )
            }
            other => panic!("!{other} is not known here"),
        }
    }

    fn named(&self, name: &str) -> String {
        self.parameters.get(name).cloned().unwrap_or_else(|| format!("<{name}>"))
    }

    fn condition(&self, name: &str) -> bool {
        self.holds(self.template.at("Conditions").get(name).unwrap_or_else(|| panic!("there is no condition {name}")))
    }

    fn holds(&self, condition: &Value) -> bool {
        let Value::Tagged(function) = condition else { panic!("{condition:?} is no condition") };
        let (name, argument) = (function.tag.to_string(), &function.value);
        let parts = || argument.as_sequence().unwrap().iter();
        match name.trim_start_matches('!') {
            "Equals" => self.text(&argument[0]) == self.text(&argument[1]),
            "Not" => !self.holds(&argument[0]),
            "And" => parts().all(|part| self.holds(part)),
            "Or" => parts().any(|part| self.holds(part)),
            "Condition" => self.condition(argument.as_str().unwrap()),
            other => panic!("!{other} is not known here"),
        }
    }

    /// Whether the template takes these parameters.
    fn keeps(&self, rule: &str) -> bool {
        let assertions = self.template.at(&format!("Rules.{rule}.Assertions")).as_sequence().unwrap();
        assertions.iter().all(|assertion| self.holds(&assertion["Assert"]))
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => yaml_serde::to_string(value).unwrap().trim().to_owned(),
        other => panic!("{other:?} is no scalar"),
    }
}

#[test]
fn each_parameter_is_used() {
    let template = Template::read();
    let text = read("template.yaml");
    let (_, used) = text.split_once("\nConditions:").unwrap();
    for name in template.at("Parameters").as_mapping().unwrap().keys() {
        let name = name.as_str().unwrap();
        let usage = Regex::new(&format!(r"(!Ref |\$\{{){name}\b")).unwrap();
        assert!(usage.is_match(used), "{name}");
    }
}

const DOMAIN: [(&str, &str); 2] = [
    ("DomainName", "velt.example.com"),
    ("CertificateArn", "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"),
];

#[test]
fn links_begin_with_what_is_configured_then_with_the_domain_then_with_what_the_request_came_to() {
    let files = ("FilesBaseUrl", "https://files.example.com");
    let of =
        |given: &[(&str, &str)]| Deployment::with(given).at("Globals.Function.Environment.Variables.FILES_BASE_URL");
    assert_eq!(of(&[DOMAIN[0], DOMAIN[1], files]).unwrap(), "https://files.example.com");
    assert_eq!(of(&[files]).unwrap(), "https://files.example.com");
    assert_eq!(of(&DOMAIN).unwrap(), "https://velt.example.com");
    assert_eq!(of(&[]).unwrap(), "");
}

#[test]
fn the_frontend_is_told_the_domain_where_there_is_one() {
    let base_url = |given: &[(&str, &str)]| Deployment::with(given).at("Outputs.BaseUrl.Value").unwrap();
    assert_eq!(base_url(&DOMAIN), "https://velt.example.com");
    assert_eq!(base_url(&[]), "<Api.ApiEndpoint>");
}

#[test]
fn callers_are_verified_by_one_kind_of_key_and_it_is_said_whose_tokens_are_meant() {
    let keeps = |given: &[(&str, &str)]| Deployment::with(given).keeps("CallersAreVerified");
    let jwks = ("AuthJwksUrl", "https://id.example.com/.well-known/jwks.json");
    let secret = ("AuthSecretArn", "arn:aws:secretsmanager:us-east-1:123456789012:secret:tokens");
    let key = ("AuthPublicKey", "-----BEGIN PUBLIC KEY----- AAAA -----END PUBLIC KEY-----");
    let (issuer, audience) = (("AuthIssuer", "https://id.example.com/"), ("AuthAudience", "velt-data"));
    assert!(keeps(&[secret]) && keeps(&[key]));
    assert!(keeps(&[jwks, issuer]) && keeps(&[jwks, audience]) && keeps(&[jwks, issuer, audience]));
    assert!(!keeps(&[jwks]), "identity providers share keys between customers");
    assert!(!keeps(&[]) && !keeps(&[issuer, audience]));
    assert!(!keeps(&[jwks, issuer, secret]) && !keeps(&[jwks, issuer, key]) && !keeps(&[secret, key]));
    assert!(!keeps(&[jwks, issuer, secret, key]));

    // The samples of `samconfig.toml` are deployable.
    let samples = read("samconfig.toml");
    let samples = samples.lines().filter_map(|line| line.strip_prefix("parameter_overrides = "));
    for sample in samples {
        let given: Vec<String> = serde_json::from_str(sample).unwrap();
        let given: Vec<(&str, &str)> = given.iter().map(|entry| entry.split_once('=').unwrap()).collect();
        assert!(given.iter().any(|(name, _)| *name == "AuthIssuer"), "{sample}");
        assert!(given.iter().any(|(name, _)| *name == "AuthAudience"), "{sample}");
        assert!(keeps(&given), "{sample}");
    }
}

#[test]
fn what_the_authorizer_is_told_is_what_its_parameters_may_be() {
    let template = Template::read();
    let allows = |name: &str, value: &str| {
        let pattern = template.at(&format!("Parameters.{name}.AllowedPattern")).as_str().unwrap();
        Regex::new(pattern).unwrap().is_match(value)
    };
    for (value, allowed) in [
        ("", true),
        ("HS256", true),
        ("HS384,HS512", true),
        ("RS256,EdDSA", true),
        ("HS256,RS256", false),
        ("none", false),
        ("ES512", false),
        ("rs256", false),
    ] {
        assert_eq!(allows("AuthAlgorithms", value), allowed, "{value}");
    }
    for (value, allowed) in [
        ("", true),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", true),
        ("-----BEGIN RSA PUBLIC KEY----- AAAA -----END RSA PUBLIC KEY-----", true),
        ("{\"kty\":\"RSA\"}", true),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", false),
        ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", false),
        ("MIIB", false),
    ] {
        assert_eq!(allows("AuthPublicKey", value), allowed, "{value}");
    }
    for (value, allowed) in [("Bearer", true), ("none", true), ("", false), ("Bearer ", false)] {
        assert_eq!(allows("TokenScheme", value), allowed, "{value}");
    }
    let environment = |given: &[(&str, &str)], name: &str| {
        Deployment::with(given).at(&format!("Resources.Authorizer.Properties.Environment.Variables.{name}")).unwrap()
    };
    assert_eq!(environment(&[], "AUTH_ALLOW_ALL_ORGANIZATIONS"), "false");
    assert_eq!(environment(&[], "AUTH_SCHEME"), "Bearer");
}

#[test]
fn the_apis_own_url_can_be_closed_where_there_is_a_domain() {
    let closed = ("DisableExecuteApiEndpoint", "true");
    let keeps = |given: &[(&str, &str)]| Deployment::with(given).keeps("DomainIsComplete");
    assert!(keeps(&[DOMAIN[0], DOMAIN[1], closed]) && !keeps(&[closed]));
    let of = |given: &[(&str, &str)]| Deployment::with(given).at("Resources.Api.Properties.DisableExecuteApiEndpoint");
    assert_eq!((of(&[]).unwrap(), of(&[closed]).unwrap()), ("false".to_owned(), "true".to_owned()));
}

#[test]
fn a_domain_needs_a_certificate_and_a_hosted_zone_a_domain() {
    let zone = ("HostedZoneId", "Z123");
    let keeps = |given: &[(&str, &str)]| Deployment::with(given).keeps("DomainIsComplete");
    assert!(keeps(&[]) && keeps(&DOMAIN) && keeps(&[DOMAIN[0], DOMAIN[1], zone]));
    assert!(!keeps(&DOMAIN[..1]) && !keeps(&DOMAIN[1..]) && !keeps(&[zone]));

    let conditions = |given: &[(&str, &str)]| {
        let deployment = Deployment::with(given);
        ["HasDomain", "HasHostedZone", "HasDomainTarget"].map(|condition| deployment.condition(condition))
    };
    assert_eq!(conditions(&[]), [false, false, false]);
    assert_eq!(conditions(&DOMAIN), [true, false, true]);
    assert_eq!(conditions(&[DOMAIN[0], DOMAIN[1], zone]), [true, true, false]);
    let template = Template::read();
    for (resource, condition) in [
        ("Domain", "HasDomain"),
        ("DomainMapping", "HasDomain"),
        ("DomainRecord", "HasHostedZone"),
        ("DomainRecordIpv6", "HasHostedZone"),
    ] {
        assert_eq!(template.at(&format!("Resources.{resource}.Condition")), condition);
    }
    let domain = &template.at("Resources.Domain.Properties.DomainNameConfigurations")[0];
    assert_eq!(domain["SecurityPolicy"], "TLS_1_2");
}

#[test]
fn concurrency_is_set_aside_for_operations_and_for_the_authorizer_by_itself() {
    let paths = ["Globals.Function", "Resources.Authorizer.Properties"];
    let of = |given: &[(&str, &str)]| {
        let deployment = Deployment::with(given);
        paths.map(|path| deployment.at(&format!("{path}.ReservedConcurrentExecutions")))
    };
    assert_eq!(of(&[]), [None, None]);
    assert_eq!(of(&[("ReservedConcurrency", "5")]), [Some("5".to_owned()), None]);
    assert_eq!(of(&[("AuthorizerReservedConcurrency", "7")]), [None, Some("7".to_owned())]);
    // The others have it of Globals.
    for (id, function) in Template::read().operations() {
        assert!(function.get("ReservedConcurrentExecutions").is_none(), "{id}");
    }
}

#[test]
fn functions_use_a_key_of_yours_through_dynamodb_alone() {
    const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000";
    let path = "Resources.Table.Properties.SSESpecification.KMSMasterKeyId";
    assert_eq!(Deployment::with(&[]).at(path), None);
    assert_eq!(Deployment::with(&[("TableKmsKeyArn", KEY)]).at(path).unwrap(), KEY);

    let template = Template::read();
    let statements = &template.at("Resources.OpenConnection.Properties.PolicyDocument")["Statement"];
    let of_key = argument(&statements[1], "If");
    assert_eq!(of_key[0], "HasTableKmsKey");
    assert_eq!(argument(&of_key[1]["Resource"], "Ref"), "TableKmsKeyArn");
    let through = argument(at(&of_key[1], "Condition.StringEquals.kms:ViaService"), "Sub");
    assert_eq!(through, "dynamodb.${AWS::Region}.amazonaws.com");
    for (id, function) in template.operations() {
        assert_eq!(argument(&function["Policies"][0], "Ref"), "OpenConnection", "{id}");
    }
}

#[test]
fn functions_report_metrics_where_somebody_looks_at_them() {
    let of = |monitoring: &str| {
        Deployment::with(&[("Monitoring", monitoring)]).at("Globals.Function.Environment.Variables.METRICS_NAMESPACE")
    };
    assert_eq!(of("true").unwrap(), "<AWS::StackName>");
    assert_eq!(of("false"), None);
}
