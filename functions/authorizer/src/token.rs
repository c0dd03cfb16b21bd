//! Where a request carries its token.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use lambda_http::http::header;

/// The token of `Authorization: Bearer …`, or of the cookie that the app keeps its session in.
pub(crate) fn of<'a>(request: &'a ApiGatewayV2CustomAuthorizerV2Request, cookie: Option<&str>) -> Option<&'a str> {
    let headers = &request.headers;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let in_cookies = || {
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let all = request.cookies.iter().map(String::as_str).chain(sent).flat_map(|cookies| cookies.split(';'));
        let mut named = all.filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| Some(*name) == cookie);
        // Of two cookies with this name, one may be somebody else's.
        let (first, second) = (named.next(), named.next());
        first.filter(|_| second.is_none()).map(|(_, token)| token)
    };
    bearer.or_else(in_cookies).filter(|token| !token.is_empty())
}
