//! Which requests a server on this machine takes at all.
//!
//! A web page may send requests to `127.0.0.1`, and a page whose own domain name was pointed there may read the answers. So
//! every server here looks at two headers that a page can't forge: its origin must be allowed, and the host that it asked
//! for must be this machine.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};

/// The origins whose pages may call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Arc<[HeaderValue]>);

impl From<Vec<HeaderValue>> for Origins {
    fn from(origins: Vec<HeaderValue>) -> Self {
        Self(origins.into())
    }
}

impl Origins {
    /// Whether pages of this origin may call. Where no origin is named, any page of this machine may.
    pub(crate) fn allow(&self, origin: &HeaderValue) -> bool {
        if self.0.is_empty() { is_loopback_origin(origin) } else { self.0.contains(origin) }
    }

    /// Why a request is refused; none where it is taken. Programs send no origin.
    pub(crate) fn refuse(&self, headers: &HeaderMap) -> Option<&'static str> {
        if let Some(why) = refuse_host(headers) {
            return Some(why);
        }
        if !headers.get_all(header::ORIGIN).iter().all(|origin| self.allow(origin)) {
            return Some("pages of this origin may not call: allow it with --allow-origin");
        }
        None
    }
}

/// Why a request for another host is refused; none where it is for this machine.
pub(crate) fn refuse_host(headers: &HeaderMap) -> Option<&'static str> {
    let is_here = headers.get_all(header::HOST).iter().all(is_loopback_host);
    (!is_here).then_some("this server answers to 127.0.0.1, [::1] and localhost only")
}

/// Whether an origin is a page of this machine.
fn is_loopback_origin(origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(shared::origin::is_loopback_origin)
}

/// Whether a `Host` header names this machine.
fn is_loopback_host(host: &HeaderValue) -> bool {
    host.to_str().is_ok_and(shared::origin::is_loopback_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_this_machine_and_comes_from_an_allowed_page() {
        let refuses = |named: &[&'static str], headers: &[(header::HeaderName, &'static str)]| {
            let named: Vec<HeaderValue> = named.iter().copied().map(HeaderValue::from_static).collect();
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name, HeaderValue::from_static(value));
            }
            Origins::from(named).refuse(&map).is_some()
        };
        let app = ["https://app.example.com"];
        let (host, origin) = (header::HOST, header::ORIGIN);
        assert!(!refuses(&[], &[(host.clone(), "127.0.0.1:3000")]));
        assert!(!refuses(&[], &[(host.clone(), "LOCALHOST:3000"), (origin.clone(), "http://localhost:5173")]));
        assert!(!refuses(&app, &[(host.clone(), "[::1]:3000"), (origin.clone(), app[0])]));
        assert!(refuses(&app, &[(origin.clone(), "http://localhost:5173")]));
        assert!(refuses(&[], &[(origin.clone(), "https://app.example.com")]));
        assert!(refuses(&[], &[(origin.clone(), "http://localhost"), (origin.clone(), "https://evil.example")]));
        assert!(refuses(&[], &[(origin, "null")]));
        for bad in ["evil.example", "127.0.0.1.evil.example:3000", "127.0.0.2", "localhost:evil", "\u{ff}"] {
            let Ok(bad) = HeaderValue::from_str(bad) else { continue };
            assert!(!is_loopback_host(&bad), "{bad:?}");
        }
        assert!(refuses(&[], &[(host, "evil.example:3000")]));
    }
}
