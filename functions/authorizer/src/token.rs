//! Where a request carries its token.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;

/// Where in the identity source the token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// After a scheme, as in `Bearer …`.
    Scheme(String),
    /// It is the whole of a header.
    Whole,
    /// In the cookie of this name.
    Cookie(String),
}

/// The token of a request.
///
/// It is taken from the identity source alone: by that the gateway remembers the answer, so a token from anywhere else would
/// lend its caller's rights to others who send the same source.
pub(crate) fn of<'a>(request: &'a ApiGatewayV2CustomAuthorizerV2Request, place: &Place) -> Option<&'a str> {
    let [source] = request.identity_source.as_deref()? else { return None };
    let token = match place {
        Place::Scheme(wanted) => {
            let (scheme, token) = source.split_once(' ')?;
            scheme.eq_ignore_ascii_case(wanted).then(|| token.trim())?
        }
        Place::Whole => source.trim(),
        Place::Cookie(cookie) => {
            let pairs = source.split(';').filter_map(|pair| pair.trim().split_once('='));
            let mut named = pairs.filter(|(name, _)| name == cookie).map(|(_, token)| token);
            let (first, second) = (named.next(), named.next());
            // Of two cookies with this name, one may be somebody else's.
            first.filter(|_| second.is_none())?
        }
    };
    Some(token).filter(|token| !token.is_empty())
}
