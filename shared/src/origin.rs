//! Which pages and hosts are of this machine.

use http::HeaderValue;

/// The origins whose pages may send what browsers send without asking first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Reads a list that is separated by commas. An empty one means the pages of this machine.
    #[must_use]
    pub fn of(list: &str) -> Self {
        Self(list.split(',').map(|origin| origin.trim().to_owned()).filter(|origin| !origin.is_empty()).collect())
    }

    /// Whether pages of this origin may send.
    #[must_use]
    pub fn allow(&self, origin: &HeaderValue) -> bool {
        match origin.to_str() {
            Ok(origin) if self.0.is_empty() => is_loopback_origin(origin),
            Ok(origin) => self.0.iter().any(|known| known == origin),
            Err(_) => false,
        }
    }
}

/// Whether an origin, as `http://localhost:5173`, is of a page of this machine.
#[must_use]
pub fn is_loopback_origin(origin: &str) -> bool {
    matches!(origin.split_once("://"), Some(("http" | "https", host)) if is_loopback_host(host))
}

/// Whether a host, perhaps with a port, is this machine.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let (name, port) = host.rsplit_once(':').filter(|_| !host.ends_with(']')).unwrap_or((host, ""));
    let is_here = ["localhost", "127.0.0.1", "[::1]"].iter().any(|here| name.eq_ignore_ascii_case(here));
    is_here && port.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_loopback() {
        for origin in ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:80", "http://[::1]"] {
            assert!(is_loopback_origin(origin), "{origin}");
        }
        for other in [
            "http://localhost.evil.example",
            "http://localhost:80.evil.example",
            "http://localhost:80,http://evil.example",
            "null",
            "",
            "localhost",
            "file://localhost",
            "http://evil.example:3000",
        ] {
            assert!(!is_loopback_origin(other), "{other}");
        }
    }

    #[test]
    fn named_origins_are_exact() {
        let allows = |list: &str, origin: &str| Origins::of(list).allow(&HeaderValue::from_str(origin).unwrap());
        assert!(allows("https://a.example, https://b.example", "https://b.example"));
        assert!(allows("", "http://localhost:3000") && !allows("https://a.example", "http://localhost:3000"));
        for other in ["https://a.example/", "HTTPS://A.EXAMPLE", "https://a.example,https://a.example", "null", ""] {
            assert!(!allows("https://a.example", other), "{other}");
        }
        assert!(!allows("", "null") && !allows(",", "null") && !allows("", ""));
    }
}
