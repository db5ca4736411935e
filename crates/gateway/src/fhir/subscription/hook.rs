//! Calling a receiver: the one place where this node connects to an address that a client named.
//!
//! Architecture invariant: a connection goes to a public address only, whatever name leads there and however often it is
//! asked, unless the operator listed that host and port (`subscription_hosts`). No redirect is followed, no proxy is used,
//! and of the answer nothing but the status is read. What was sent and to whom is never logged.

use crate::addresses;
use crate::error::{Code, Error, Result};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::{Host, Url};

/// Longest address in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer, from the first step on.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Where notifications go. Clients are made when they are first needed: a machine without certificates of authorities can
/// run a node, and call nobody.
pub(super) struct Hooks {
    listed: Vec<String>,
    /// For hosts that the operator listed.
    inside: OnceLock<Option<Client>>,
    /// For all others.
    outside: OnceLock<Option<Client>>,
}

/// Why a notification did not arrive, in words for its owner.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure(pub(super) String);

impl Hooks {
    /// `listed`: `host:port` that may be reached wherever they are, and without TLS.
    pub(super) fn new(listed: &[String]) -> Self {
        Self { listed: listed.to_vec(), inside: OnceLock::new(), outside: OnceLock::new() }
    }

    fn client(&self, inside: bool) -> Option<&Client> {
        let place = if inside { &self.inside } else { &self.outside };
        let made = place.get_or_init(|| {
            // An error means that a provider is installed already.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let builder = match inside {
                true => careful(),
                false => careful().https_only(true).dns_resolver(Arc::new(PublicOnly)),
            };
            builder.build().inspect_err(|error| tracing::warn!(%error, "receivers cannot be called")).ok()
        });
        made.as_ref()
    }

    /// An address that notifications may go to, as far as its text tells.
    ///
    /// # Errors
    /// [`Code::Unprocessable`].
    pub(super) fn check(&self, text: &str) -> Result<Url> {
        let refuse = |why: &'static str| Error::new(Code::Unprocessable, why);
        let url = Url::parse(text).ok().filter(|_| text.len() <= URL_BYTES_MAX);
        let url = url.ok_or_else(|| refuse("the endpoint is no URL, or longer than 2,048 bytes"))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(refuse("an endpoint has neither a user nor a fragment; give a header instead"));
        }
        if self.is_listed(&url) {
            let web = matches!(url.scheme(), "http" | "https");
            return web.then_some(url).ok_or_else(|| refuse("an endpoint is an https address"));
        }
        let open = match url.host() {
            Some(Host::Domain(name)) => !is_inside(name),
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            None => false,
        };
        match url.scheme() == "https" && open {
            true => Ok(url),
            false => Err(refuse("an endpoint is an https address that the whole Internet can reach")),
        }
    }

    fn is_listed(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
        self.listed.iter().any(|listed| *listed == format!("{host}:{port}"))
    }

    /// Sends a notification; the operator's rules of now count.
    pub(super) async fn send(
        &self,
        endpoint: &str,
        headers: &[(String, String)],
        body: String,
    ) -> Result<(), Failure> {
        let url = self.check(endpoint).map_err(|_| Failure("the endpoint may not be called".into()))?;
        let client = self.client(self.is_listed(&url));
        let client = client.ok_or_else(|| Failure("this node cannot call receivers".into()))?;
        let mut request = client.post(url).header("content-type", "application/fhir+json").body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                Err(Failure(format!("the receiver answered with status {}", answer.status().as_u16())))
            }
            Err(error) if error.is_timeout() => Err(Failure("the receiver did not answer in time".into())),
            // What reqwest says names the address.
            Err(_) => Err(Failure("the receiver cannot be reached".into())),
        }
    }
}

/// A client that goes where it is sent, and nowhere else.
fn careful() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
}

/// Names that lead inside by convention, whatever they resolve to.
fn is_inside(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let ends = [".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa"];
    !name.contains('.') || ends.iter().any(|end| name.ends_with(end))
}

/// Resolves to public addresses only: what a name leads to is decided when the connection is made.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether the whole Internet can reach an address, also one of IPv6 that leads to one of IPv4.
fn is_public(address: IpAddr) -> bool {
    let IpAddr::V6(v6) = address else { return addresses::is_public(address) };
    let [a, b, c, d, e, f, ..] = v6.segments();
    if let Some(v4) = v6.to_ipv4_mapped() {
        return addresses::is_public_v4(v4);
    }
    // NAT64 (RFC 6052) leads to the IPv4 address at its end.
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., w, x, y, z] = v6.octets();
        return addresses::is_public_v4(Ipv4Addr::new(w, x, y, z));
    }
    addresses::is_public(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_go_to_public_addresses_and_to_what_the_operator_listed() {
        let hooks = Hooks::new(&["10.1.2.3:8443".into(), "ehr.lan:80".into()]);
        for (text, taken) in [
            ("https://ehr.example.org/hook?a=b", true),
            ("https://93.184.215.14/hook", true),
            ("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/", true),
            ("https://10.1.2.3:8443/hook", true),
            ("http://ehr.lan/hook", true),
            ("http://10.1.2.3:8443/hook", true),
            ("ftp://ehr.lan:80/hook", false),
            ("https://10.1.2.3/hook", false),
            ("https://ehr.lan/hook", false),
            ("http://ehr.example.org/hook", false),
            ("https://169.254.169.254/latest/meta-data", false),
            ("https://localhost/hook", false),
            ("https://LOCALHOST./hook", false),
            ("https://a.localhost/hook", false),
            ("https://metadata.google.internal/", false),
            ("https://printer.local/", false),
            ("https://intranet/", false),
            ("https://127.0.0.1/", false),
            ("https://2130706433/", false),
            ("https://0x7f.1/", false),
            ("https://0.0.0.0/", false),
            ("https://100.64.0.1/", false),
            ("https://192.168.1.1/", false),
            ("https://172.16.0.1/", false),
            ("https://198.18.0.1/", false),
            ("https://224.0.0.1/", false),
            ("https://[::1]/", false),
            ("https://[::]/", false),
            ("https://[::ffff:10.0.0.1]/", false),
            ("https://[64:ff9b::a00:1]/", false),
            ("https://[fe80::1]/", false),
            ("https://[fd00::1]/", false),
            ("https://[2002:7f00:1::]/", false),
            ("https://[2001:db8::1]/", false),
            ("https://user@ehr.example.org/", false),
            ("https://ehr.example.org/#x", false),
            ("file:///etc/passwd", false),
            ("unix:/run/engine.sock", false),
            ("ehr.example.org", false),
            ("", false),
        ] {
            assert_eq!(hooks.check(text).is_ok(), taken, "{text}");
        }
        assert!(hooks.check(&format!("https://ehr.example.org/{}", "x".repeat(2_048))).is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_leads_nowhere() {
        let name = "localhost".parse().expect("name");
        let found = PublicOnly.resolve(name).await.expect("resolved");
        assert_eq!(found.count(), 0);
    }
}
