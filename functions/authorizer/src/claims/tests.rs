use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Who reads which claims: organizations, read-only, administrator.
fn claims(organizations: &str, read_only: Option<&str>, admin: Option<&str>) -> Claims {
    let flag = |text: Option<&str>| text.map(|text| Flag::parse(text).unwrap());
    Claims {
        organizations: Path::parse(organizations).unwrap(),
        all_organizations: false,
        documents: None,
        folders: None,
        read_only: flag(read_only),
        user: Path::of_name("sub"),
        admin: flag(admin),
    }
}

/// The organizations that this claim grants, when it is all that there is.
fn granted(claim: &Value) -> Option<Vec<String>> {
    claims("orgs", None, None).grant(&json!({ "orgs": claim }), 1).map(named)
}

fn named(grant: Grant) -> Vec<String> {
    match grant.organizations {
        Organizations::All(_) => vec!["*".to_owned()],
        Organizations::Only(named) => named.into_iter().map(String::from).collect(),
    }
}

#[test]
fn only_text_lists_of_text_and_granted_keys_name_an_organization() {
    for (claim, expected) in [
        (json!("a"), vec!["a"]),
        (json!(7), vec!["7"]),
        (json!(u64::MAX), vec!["18446744073709551615"]),
        (json!(-1), vec!["-1"]),
        (json!(["a", "b", "a"]), vec!["a", "b"]),
        (json!(["a", 7]), vec!["7", "a"]),
        (json!(["a", null, ""]), vec!["a"]),
        (json!({ "a": true, "b": "owner", "c": ["editor"] }), vec!["a", "b", "c"]),
        (json!({ "a": true, "b": false, "c": null, "d": 0, "e": "", "f": [], "g": {}, "h": "false" }), vec!["a"]),
        (
            json!({ "a": true, "b": 1, "c": { "role": "owner" }, "d": [true], "e": ["owner", ""], "": true, " ": true }),
            vec!["a"],
        ),
        (json!(["a", "*"]), vec!["a"]),
        (json!({ "a": true, "*": true }), vec!["a"]),
        (json!(" a"), vec![" a"]),
    ] {
        assert_eq!(
            granted(&claim).as_deref(),
            Some(expected.as_slice()).map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>()).as_deref(),
            "{claim}"
        );
    }
    for nothing in [
        json!(null),
        json!(true),
        json!(false),
        json!(""),
        json!("  "),
        json!(1.5),
        json!(1e30),
        json!([]),
        json!([""]),
        json!([null]),
        json!([["a"]]),
        json!(["a", ["b"]]),
        json!(["a", true]),
        json!(["a", { "id": "b" }]),
        json!([{ "id": "a" }]),
        json!({}),
        json!({ "a": false }),
        json!({ "a": null }),
        json!({ "a": 0 }),
        json!({ "a": "" }),
        json!({ "a": {} }),
        json!({ "a": [] }),
        json!({ "a": "False" }),
        json!({ "": true }),
        json!("*"),
        json!(["*"]),
        json!({ "*": true }),
        json!({ "*": false }),
    ] {
        assert_eq!(granted(&nothing), None, "{nothing}");
    }
    assert_eq!(claims("orgs", None, None).grant(&json!({}), 1), None);
}

#[test]
fn a_star_is_every_organization_only_as_the_whole_claim_and_where_the_stack_allows_it() {
    let claims = Claims { all_organizations: true, ..claims("orgs", None, None) };
    let granted = |orgs: Value| claims.grant(&json!({ "orgs": orgs }), 1).map(named);
    assert_eq!(granted(json!("*")), Some(vec!["*".to_owned()]));
    assert_eq!(granted(json!(["a", "*"])), Some(vec!["a".to_owned()]));
    for nothing in [json!(["*"]), json!({ "*": true }), json!([["*"]]), json!({ "*": "*" })] {
        assert_eq!(granted(nothing.clone()), None, "{nothing}");
    }
    // An element is not the whole claim, however it is reached.
    let each = Claims { all_organizations: true, ..self::claims("orgs[].id", None, None) };
    assert_eq!(each.grant(&json!({ "orgs": [{ "id": "*" }] }), 1), None);
}

#[test]
fn a_path_leads_through_objects_and_into_lists() {
    let at = |path: &str, value: Value| claims(path, None, None).grant(&value, 1).map(named);
    let a = Some(vec!["a".to_owned()]);
    let both = Some(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(at("x.y", json!({ "x": { "y": "a" } })), a);
    assert_eq!(at("/https:~1~1a.example~1orgs", json!({ "https://a.example/orgs": ["a"] })), a);
    assert_eq!(at("orgs[].id", json!({ "orgs": [{ "id": "a" }, { "id": "b" }] })), both);
    assert_eq!(at("orgs[].id", json!({ "orgs": { "x": { "id": "a" }, "y": { "id": "b" }, "z": false } })), both);
    assert_eq!(at("orgs[]", json!({ "orgs": ["a", "b"] })), both);
    assert_eq!(at("orgs[].ids", json!({ "orgs": [{ "ids": ["a"] }, { "ids": ["b"] }] })), both);
    assert_eq!(at("x[].y[].id", json!({ "x": [{ "y": [{ "id": "a" }] }, { "y": [{ "id": "b" }] }] })), both);
    assert_eq!(at("orgs[].id", json!({ "orgs": [{ "id": "a" }, { "id": null }, { "name": "b" }, "c", 1, [] ] })), a);
    for (path, value) in [
        ("x.y", json!({ "x.y": "a" })),
        ("x.y", json!({ "x": ["y"] })),
        ("x.0", json!({ "x": ["a"] })),
        ("orgs.id", json!({ "orgs": [{ "id": "a" }] })),
        ("orgs[].id", json!({ "orgs": "a" })),
        ("orgs[].id", json!({ "orgs": ["a"] })),
        ("orgs[].id", json!({ "orgs": [[{ "id": "a" }]] })),
        ("orgs[].id", json!({ "orgs": [{ "id": { "a": false } }] })),
        ("orgs[].id", json!({ "orgs[]": [{ "id": "a" }] })),
    ] {
        assert_eq!(at(path, value.clone()), None, "{path} {value}");
    }
    for bad in ["", "a..b", ".a", "a.", "a[", "a[0]", "[]", "a[]b", "a[][]"] {
        assert_eq!(Path::parse(bad), None, "{bad}");
    }
    for bad in ["role=", "=viewer", "a..b=c"] {
        assert_eq!(Flag::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_limit_that_is_missing_or_odd_is_a_limit_to_nothing() {
    let limited = Claims { documents: Path::parse("docs"), folders: Path::parse("docs"), ..claims("orgs", None, None) };
    let limits = |docs: Value| {
        let grant = limited.grant(&json!({ "orgs": "a", "docs": docs }), 1).unwrap();
        assert_eq!(grant.documents, grant.folders);
        grant.documents.map(|ids| ids.into_iter().map(String::from).collect::<Vec<_>>())
    };
    assert_eq!(limits(json!("*")), None, "no limit");
    assert_eq!(limits(json!(["d", 7])), Some(vec!["7".to_owned(), "d".to_owned()]));
    assert_eq!(limits(json!(["*", "d"])), Some(vec!["d".to_owned()]));
    assert_eq!(limits(json!({ "d": true, "e": false })), Some(vec!["d".to_owned()]));
    for nothing in [
        json!(null),
        json!(true),
        json!(false),
        json!(""),
        json!([]),
        json!({}),
        json!(["*"]),
        json!([["d"]]),
        json!({ "*": true }),
        json!({ "d": {} }),
    ] {
        assert_eq!(limits(nothing.clone()), Some(Vec::new()), "{nothing}");
    }
    let missing = limited.grant(&json!({ "orgs": "a" }), 1).unwrap();
    assert_eq!(missing.documents, Some(BTreeSet::new()));
}

#[test]
fn who_does_not_certainly_write_only_reads() {
    let read_only = |flag: &str, claim: Option<Value>| {
        let mut value = json!({ "orgs": "a" });
        if let Some(claim) = claim {
            value["x"] = claim;
        }
        claims("orgs", Some(flag), None).grant(&value, 1).unwrap().read_only
    };
    for (flag, claim) in [
        ("x", json!(false)),
        ("x=viewer", json!("editor")),
        ("x=viewer", json!(["editor", "owner"])),
        ("x=viewer", json!({ "viewer": false, "editor": true })),
        ("x=viewer", json!(7)),
        ("x=true", json!("false")),
    ] {
        assert!(!read_only(flag, Some(claim.clone())), "{flag} {claim}");
    }
    for flag in ["x", "x=viewer"] {
        assert!(read_only(flag, None), "{flag}: what is missing limits");
        for odd in [
            json!(null),
            json!(true),
            json!(""),
            json!([]),
            json!({}),
            json!([[]]),
            json!([false]),
            json!({ "viewer": true }),
            json!({ "viewer": false }),
            json!(["editor", {}]),
            json!(["editor", ["viewer"]]),
        ] {
            assert!(read_only(flag, Some(odd.clone())), "{flag} {odd}");
        }
    }
    for claim in [
        json!("viewer"),
        json!("Viewer"),
        json!("VIEWER"),
        json!(" viewer "),
        json!(["editor", "Viewer"]),
        json!({ "editor": true, "Viewer": "yes" }),
    ] {
        assert!(read_only("x=viewer", Some(claim.clone())), "{claim}");
    }
    assert!(read_only("x", Some(json!("false"))), "a text is no boolean");
    assert!(read_only("x=Viewer", Some(json!("viewer"))));
    assert!(!claims("orgs", None, None).grant(&json!({ "orgs": "a" }), 1).unwrap().read_only);
}

#[test]
fn only_what_certainly_says_so_makes_an_administrator() {
    let admin = |flag: &str, claim: Value| {
        claims("orgs", None, Some(flag)).grant(&json!({ "orgs": "a", "x": claim }), 1).unwrap().admin
    };
    assert!(admin("x", json!(true)));
    for claim in [
        json!("admin"),
        json!("Admin"),
        json!(["editor", "ADMIN"]),
        json!({ "admin": true }),
        json!({ "Admin": "yes" }),
    ] {
        assert!(admin("x=admin", claim.clone()), "{claim}");
    }
    for odd in [
        json!(null),
        json!(false),
        json!("true"),
        json!(1),
        json!([true]),
        json!({}),
        json!({ "admin": false }),
        json!({ "x": true }),
    ] {
        assert!(!admin("x", odd.clone()), "{odd}");
    }
    for odd in [
        json!(null),
        json!(true),
        json!(""),
        json!("administrator"),
        json!(["admin", []]),
        json!({ "admin": false }),
        json!({ "admin": null }),
        json!({ "admin": 0 }),
        json!({ "admin": {} }),
        json!({ "admin": "" }),
        json!({ "admin": "false" }),
        json!([{ "admin": true }]),
        json!(" admin"),
    ] {
        assert!(!admin("x=admin", odd.clone()), "{odd}");
    }
    assert!(!claims("orgs", None, None).grant(&json!({ "orgs": "a", "admin": true }), 1).unwrap().admin);
}

#[test]
fn the_user_is_one_id() {
    let user = |sub: Value| {
        claims("orgs", None, None).grant(&json!({ "orgs": "a", "sub": sub }), 1).unwrap().user.map(String::from)
    };
    assert_eq!(user(json!("ann")), Some("ann".to_owned()));
    assert_eq!(user(json!(1_234_567_890_123_u64)), Some("1234567890123".to_owned()));
    for nobody in [
        json!(null),
        json!(""),
        json!(" "),
        json!(true),
        json!(["ann"]),
        json!({ "ann": true }),
        json!(1.5),
        json!("*"),
    ] {
        assert_eq!(user(nobody.clone()), None, "{nobody}");
    }
}

/// One token of an identity provider, by its documented shape, and what it grants with these settings.
struct Case {
    provider: &'static str,
    organizations: &'static str,
    read_only: Option<&'static str>,
    admin: Option<&'static str>,
    claims: Value,
    /// Organizations, read-only, administrator; none where the token is refused.
    grants: Option<(&'static [&'static str], bool, bool)>,
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn cases() -> Vec<Case> {
    let case = |provider, organizations, read_only, admin, claims, grants| Case {
        provider,
        organizations,
        read_only,
        admin,
        claims,
        grants,
    };
    vec![
        case(
            "Auth0, a token of an organization",
            "org_id",
            Some("permissions=read:only"),
            Some("/https:~1~1acme.example~1roles=admin"),
            json!({ "iss": "https://acme.eu.auth0.com/", "sub": "auth0|5f7c8ec7", "aud": ["https://api.acme.example", "https://acme.eu.auth0.com/userinfo"], "azp": "my_client", "org_id": "org_9ybsU1dN2dKfDkBi", "permissions": ["write:comments"], "https://acme.example/roles": ["Admin"] }),
            Some((&["org_9ybsU1dN2dKfDkBi"], false, true)),
        ),
        case(
            "Auth0, signed in without an organization",
            "org_id",
            None,
            None,
            json!({ "sub": "auth0|5f7c8ec7", "permissions": [] }),
            None,
        ),
        case(
            "Cognito, an access token",
            "cognito:groups",
            Some("cognito:groups=viewers"),
            Some("cognito:groups=admins"),
            json!({ "sub": "aaaaaaaa-bbbb", "cognito:groups": ["acme", "admins"], "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_x", "client_id": "xxx", "token_use": "access", "scope": "openid", "username": "ann" }),
            Some((&["acme", "admins"], false, true)),
        ),
        case(
            "Cognito, an id token, whose custom attributes are all text",
            "custom:organization",
            Some("custom:readOnly=true"),
            Some("custom:admin=true"),
            json!({ "sub": "aaaaaaaa-bbbb", "aud": "xxx", "custom:organization": "acme", "custom:readOnly": "false", "custom:admin": "false" }),
            Some((&["acme"], false, false)),
        ),
        case(
            "Cognito, a user of no group",
            "cognito:groups",
            None,
            None,
            json!({ "sub": "a", "client_id": "xxx" }),
            None,
        ),
        case(
            "Clerk, version 2",
            "o.id",
            Some("o.rol=viewer"),
            Some("o.rol=admin"),
            json!({ "azp": "https://app.example.com", "sub": "user_123", "sid": "sess_1", "v": 2, "fea": "o:dashboard", "o": { "id": "org_123", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3" } }),
            Some((&["org_123"], false, true)),
        ),
        case(
            "Clerk, version 1",
            "org_slug",
            Some("org_role=org:viewer"),
            Some("org_role=org:admin"),
            json!({ "sub": "user_123", "org_id": "org_123", "org_slug": "acme", "org_role": "org:viewer", "org_permissions": [] }),
            Some((&["acme"], true, false)),
        ),
        case("Clerk, the personal workspace", "o.id", None, None, json!({ "sub": "user_123", "v": 2 }), None),
        case(
            "Entra, the tenant as the organization",
            "tid",
            Some("roles=Reader"),
            Some("roles=Admin"),
            json!({ "aud": "api://velt", "iss": "https://login.microsoftonline.com/9122040d/v2.0", "oid": "690222be", "sub": "HKZpfaH", "tid": "9122040d", "roles": ["reader"], "ver": "2.0" }),
            Some((&["9122040d"], true, false)),
        ),
        case(
            "Entra, too many groups for the token",
            "groups",
            None,
            None,
            json!({ "sub": "HKZpfaH", "_claim_names": { "groups": "src1" }, "_claim_sources": { "src1": { "endpoint": "https://graph.windows.net/…" } }, "hasgroups": true }),
            None,
        ),
        case(
            "Entra, no role assigned",
            "tid",
            Some("roles=Reader"),
            Some("roles=Admin"),
            json!({ "sub": "HKZpfaH", "tid": "9122040d" }),
            Some((&["9122040d"], true, false)),
        ),
        case(
            "Firebase, custom claims",
            "orgs",
            Some("readOnly"),
            Some("admin"),
            json!({ "iss": "https://securetoken.google.com/acme-app", "aud": "acme-app", "user_id": "u1", "sub": "u1", "orgs": { "acme": true, "beta": false }, "admin": true, "readOnly": false, "firebase": { "identities": {}, "sign_in_provider": "password" } }),
            Some((&["acme"], false, true)),
        ),
        case(
            "Firebase, multi-tenancy",
            "firebase.tenant",
            None,
            Some("admin"),
            json!({ "sub": "u1", "firebase": { "tenant": "acme-x1y2z", "sign_in_provider": "password" } }),
            Some((&["acme-x1y2z"], false, false)),
        ),
        case(
            "Keycloak, organizations as a list",
            "organization",
            Some("realm_access.roles=viewer"),
            Some("resource_access.velt.roles=admin"),
            json!({ "sub": "f:1:ann", "organization": ["acme", "beta"], "realm_access": { "roles": ["offline_access"] }, "resource_access": { "velt": { "roles": ["admin"] } } }),
            Some((&["acme", "beta"], false, true)),
        ),
        case(
            "Keycloak, organizations as a map with their ids",
            "organization[].id",
            None,
            None,
            json!({ "sub": "f:1:ann", "organization": { "acme": { "id": "42c3e46f" } } }),
            Some((&["42c3e46f"], false, false)),
        ),
        case(
            "Keycloak, a map whose values say nothing",
            "organization",
            None,
            None,
            json!({ "sub": "f:1:ann", "organization": { "acme": {} } }),
            None,
        ),
        case(
            "Supabase, what only the server may write",
            "app_metadata.organizations[].id",
            Some("app_metadata.role=viewer"),
            Some("app_metadata.role=admin"),
            json!({ "aud": "authenticated", "sub": "11111111-2222", "role": "authenticated", "app_metadata": { "provider": "email", "organizations": [{ "id": 7, "name": "Acme" }], "role": "editor" }, "user_metadata": { "role": "admin" } }),
            Some((&["7"], false, false)),
        ),
        case(
            "WorkOS",
            "org_id",
            Some("permissions=comments:view-only"),
            Some("role=admin"),
            json!({ "iss": "https://api.workos.com", "sub": "user_01HBEQ", "sid": "session_01HQ", "org_id": "org_01HRDM", "role": "Admin", "roles": ["admin"], "permissions": ["posts:read"], "entitlements": ["audit-logs"] }),
            Some((&["org_01HRDM"], false, true)),
        ),
        case(
            "WorkOS, a member without permissions",
            "org_id",
            Some("permissions=comments:view-only"),
            Some("role=admin"),
            json!({ "sub": "user_01HBEQ", "org_id": "org_01HRDM", "role": "member" }),
            Some((&["org_01HRDM"], true, false)),
        ),
    ]
}

#[test]
fn tokens_of_identity_providers_grant_what_they_say() {
    for Case { provider, organizations, read_only, admin, claims, grants } in cases() {
        let grant = self::claims(organizations, read_only, admin).grant(&claims, 1);
        let found = grant.map(|grant| {
            assert_eq!(grant.user.as_ref().map(Id::as_str), claims["sub"].as_str(), "{provider}");
            (grant.read_only, grant.admin, named(grant))
        });
        let expected = grants.map(|(named, read_only, admin)| {
            (read_only, admin, named.iter().map(ToString::to_string).collect::<Vec<_>>())
        });
        assert_eq!(found, expected, "{provider}");
    }
}

/// Any JSON, of the texts that claims are made of.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec!["", " ", "*", "a", "b", "viewer", "Viewer", "admin", "false", "true", "0"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Whether a text, or a number with this text, or a key stands anywhere in the JSON.
fn stands_in(json: &Value, name: &str) -> bool {
    match json {
        Value::Array(list) => list.iter().any(|value| stands_in(value, name)),
        Value::Object(map) => map.iter().any(|(key, value)| key == name || stands_in(value, name)),
        value => text(value).as_deref() == Some(name),
    }
}

proptest! {
    /// Whatever a claim is, it grants only what it names, and all of them only by the whole claim `*`.
    #[test]
    fn no_claim_grants_what_it_does_not_name(
        claim in any_json(),
        limit in any_json(),
        path in prop::sample::select(vec!["x", "x[]", "x[].a", "x.a", "x.a[].b", "/x/a", "/x/0"]),
        all_organizations in any::<bool>(),
    ) {
        let reader = Claims {
            all_organizations,
            documents: Path::parse("y"),
            ..claims(path, Some("y=viewer"), Some("y=admin"))
        };
        let value = json!({ "x": claim, "y": limit });
        let Some(grant) = reader.grant(&value, 1) else { return Ok(()) };
        match &grant.organizations {
            Organizations::All(_) => prop_assert!(all_organizations && reader.organizations.is_star(&value)),
            Organizations::Only(named) => {
                prop_assert!(!named.is_empty());
                for id in named {
                    prop_assert!(id.as_str() != "*" && stands_in(&claim, id.as_str()), "{id} by {claim}");
                }
            }
        }
        match &grant.documents {
            None => prop_assert_eq!(&limit, &json!("*")),
            Some(ids) => prop_assert!(ids.iter().all(|id| stands_in(&limit, id.as_str()))),
        }
        let names_a_viewer = ["viewer", "Viewer"].iter().any(|name| limit == json!(name) || limit == json!([name]));
        prop_assert!(grant.read_only || !(names_a_viewer || limit.is_null()));
        prop_assert!(!grant.admin || stands_in(&limit, "admin"));
    }

    /// Whatever comes in the place of a token is refused without a panic.
    #[test]
    fn no_text_is_read_as_a_token_with_a_panic(parts in prop::collection::vec(".{0,40}|[A-Za-z0-9_-]{0,40}", 0..6), json in any_json()) {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let allowed = [jsonwebtoken::Algorithm::HS256];
        let of = |token: &str| crate::jwt::Unverified::read(token, &allowed).and_then(|token| token.claims());
        prop_assert!(of(&parts.join(".")).is_err());
        let part = URL_SAFE_NO_PAD.encode(json.to_string());
        prop_assert!(of(&format!("{part}.{part}.{part}")).is_err(), "it names no algorithm");
        let header = URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\"}");
        prop_assert_eq!(of(&format!("{header}.{part}.")).is_ok(), json.is_object());
    }

    /// Whatever a key server answers is a set of keys or none.
    #[test]
    fn no_answer_of_a_key_server_panics(text in ".{0,200}", json in any_json()) {
        let _ = crate::material::Material::public(&text);
        let keys = json!({ "keys": [json, { "kty": json, "n": json, "e": json }, { "kty": "RSA", "n": "AQAB", "e": json }] });
        prop_assert!(crate::material::Material::public(&keys.to_string()).is_none());
        let _ = crate::material::Material::public(&format!("-----BEGIN PUBLIC KEY-----{text}-----END PUBLIC KEY-----"));
    }
}
