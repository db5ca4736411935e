//! What an import may read: files of one folder by plain names, and URLs below those that the operator listed.
//!
//! A URL is fetched over TLS, through no proxy, and no redirect is followed. Unless the operator allows it, no address of
//! this machine or of a private network is connected to: a name's addresses are looked at when it is resolved, and the
//! connection goes to one of these and to no other.

use super::rows::From;
use crate::addresses::{Resolver, is_public};
use crate::bulk::BulkConfig;
use crate::error::{Code, Error, Result};
use reqwest::{Client, redirect};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::{Host, Url};

/// Longest wait for a connection, and for the next piece of a body.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest name of a file.
const NAME_BYTES_MAX: usize = 128;

/// The path of a file that may be read.
///
/// # Errors
/// [`Code::Invalid`] for a name that is not plain, or where the operator configured no folder.
pub(crate) fn path_of(config: &BulkConfig, name: &str) -> Result<PathBuf> {
    let folder = config.import_folder.as_ref();
    let folder = folder.ok_or_else(|| invalid("this node's operator allows no files to be imported"))?;
    if !is_plain(name) {
        return Err(invalid("a file is named by its own name, which ends in `.ndjson`"));
    }
    let path = folder.join(name);
    match is_file(&path) {
        true => Ok(path),
        false => Err(invalid("there is no such file in the folder for imports")),
    }
}

/// The files that may be read: name and length, in order of name.
pub(crate) fn files(config: &BulkConfig) -> Vec<(String, u64)> {
    let entries = config.import_folder.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let mut files: Vec<(String, u64)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let known = is_plain(&name) && is_file(&entry.path());
            known.then(|| entry.metadata().ok().map(|meta| (name, meta.len()))).flatten()
        })
        .collect();
    files.sort();
    files
}

/// Not what a link leads to.
fn is_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain)
        && !name.starts_with('.')
        && name.ends_with(".ndjson")
}

/// Checks where lines shall come from.
///
/// # Errors
/// [`Code::Invalid`].
pub(crate) fn check(config: &BulkConfig, from: &From) -> Result<()> {
    match from {
        From::File(name) => path_of(config, name).map(drop),
        From::Url(url) => allowed(config, url).map(drop),
    }
}

/// A URL below one that the operator listed.
fn allowed(config: &BulkConfig, text: &str) -> Result<Url> {
    let refuse = || invalid("the URL is not below one that this node's operator lists for imports");
    let url = Url::parse(text).map_err(|_| refuse())?;
    // What another server might read as a step up, or as the end of the path.
    let escaped =
        ["%2f", "%5c", "%2e", "%00"].iter().any(|bad| url.path().to_ascii_lowercase().contains(bad));
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let listed = config.import_urls.iter().filter_map(|listed| Url::parse(listed).ok()).any(|listed| {
        listed.scheme() == "https"
            && url.origin() == listed.origin()
            && listed.path().ends_with('/')
            && url.path().starts_with(listed.path())
    });
    let reachable = match url.host() {
        Some(Host::Ipv4(ip)) => config.import_private || is_public(ip.into()),
        Some(Host::Ipv6(ip)) => config.import_private || is_public(ip.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    };
    if escaped || !plain || !listed || !reachable || url.scheme() != "https" {
        Err(refuse())
    } else {
        Ok(url)
    }
}

/// Fetches a URL, piece by piece.
///
/// # Errors
/// [`Code::Invalid`] for what is not allowed or no success, [`Code::TooLarge`], [`Code::Away`].
pub(super) async fn fetch(
    config: &BulkConfig,
    url: &str,
    take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<()> {
    let url = allowed(config, url)?;
    let client = builder(config.import_private).https_only(true).build().map_err(Error::internal)?;
    read(&client, url, config.import_bytes_max, take).await
}

fn builder(private: bool) -> reqwest::ClientBuilder {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(PIECE_TIMEOUT)
        .dns_resolver(std::sync::Arc::new(Resolver { private }))
}

async fn read(
    client: &Client,
    url: Url,
    bytes_max: u64,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<()> {
    let away = |_| Error::new(Code::Away, "a source of the import does not answer");
    let request = client.get(url).header("accept", "application/fhir+ndjson");
    let mut answer = request.send().await.map_err(away)?;
    if answer.status() != reqwest::StatusCode::OK {
        let status = answer.status().as_u16();
        return Err(invalid_now(format!("a source of the import answers with status {status}")));
    }
    let mut bytes = 0;
    while let Some(piece) = answer.chunk().await.map_err(away)? {
        bytes += piece.len() as u64;
        if bytes > bytes_max {
            return Err(Error::new(Code::TooLarge, "a source is larger than this node's operator allows"));
        }
        take(&piece).map_err(Error::internal)?;
    }
    Ok(())
}

fn invalid(why: &'static str) -> Error {
    Error::new(Code::Invalid, why)
}

fn invalid_now(why: String) -> Error {
    Error::new(Code::Invalid, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::response::Redirect;
    use axum::routing::get;

    fn config() -> BulkConfig {
        BulkConfig {
            import_urls: vec![
                "https://data.example/exports/".into(),
                "https://93.184.216.34/x/".into(),
                "https://127.0.0.1/".into(),
                "https://[::1]/".into(),
                "http://plain.example/".into(),
                "https://open.example".into(),
                "https://half.example/exp".into(),
            ],
            ..BulkConfig::default()
        }
    }

    #[test]
    fn only_urls_below_a_listed_one_are_fetched() {
        for (url, may) in [
            ("https://data.example/exports/Patient.ndjson", true),
            ("https://data.example/exports/a/b?x=1", true),
            ("https://DATA.example:443/exports/Patient.ndjson", true),
            ("https://93.184.216.34/x/y", true),
            ("https://open.example/anything", true),
            ("https://data.example/exports", false),
            ("https://data.example/other/Patient.ndjson", false),
            ("https://data.example/exports/../other", false),
            ("https://data.example/exports/%2e%2e/other", false),
            ("https://data.example/exports/..%2fother", false),
            ("https://data.example/exports/..%5cother", false),
            ("https://data.example:8443/exports/x", false),
            ("https://data.example.evil.example/exports/x", false),
            ("https://data.example@evil.example/exports/x", false),
            ("https://user:secret@data.example/exports/x", false),
            ("https://data.example/exports/x#y", false),
            ("http://data.example/exports/x", false),
            ("http://plain.example/x", false),
            ("https://half.example/exports/x", false),
            ("file:///etc/passwd", false),
            ("https://127.0.0.1/x", false),
            ("https://2130706433/x", false),
            ("https://0x7f.1/x", false),
            ("https://[::1]/x", false),
            ("https://localhost/x", false),
            ("gopher://data.example/exports/x", false),
            ("//data.example/exports/x", false),
            ("", false),
        ] {
            assert_eq!(allowed(&config(), url).is_ok(), may, "{url}");
        }
        let private = BulkConfig { import_private: true, ..config() };
        assert!(allowed(&private, "https://127.0.0.1/x").is_ok());
    }

    #[test]
    fn an_address_is_public_or_is_not_connected_to() {
        for (ip, public) in [
            ("93.184.216.34", true),
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("127.9.9.9", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("192.0.0.8", false),
            ("198.18.0.1", false),
            ("203.0.113.9", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", false),
            ("64:ff9b::a00:1", false),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("fc00::1", false),
            ("fd12::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(ip.parse().expect("address")), public, "{ip}");
        }
    }

    #[test]
    fn a_file_is_named_plainly_and_is_no_link() {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("Patient.ndjson"), "{}").expect("file");
        std::fs::write(at("secret.json"), "{}").expect("file");
        std::fs::write(at(".hidden.ndjson"), "{}").expect("file");
        std::fs::create_dir(at("folder.ndjson")).expect("folder");
        std::os::unix::fs::symlink("/etc/passwd", at("link.ndjson")).expect("link");
        let config = BulkConfig { import_folder: Some(folder.path().to_owned()), ..BulkConfig::default() };
        assert_eq!(files(&config), [("Patient.ndjson".to_owned(), 2)]);
        assert!(path_of(&config, "Patient.ndjson").is_ok());
        for name in [
            "secret.json",
            ".hidden.ndjson",
            "folder.ndjson",
            "link.ndjson",
            "../Patient.ndjson",
            "/etc/x.ndjson",
            "folder.ndjson/../Patient.ndjson",
            "a\0.ndjson",
            "Missing.ndjson",
            "",
        ] {
            assert!(path_of(&config, name).is_err(), "{name}");
        }
        assert!(path_of(&BulkConfig::default(), "Patient.ndjson").is_err());
    }

    #[tokio::test]
    async fn no_redirect_is_followed_no_more_is_read_than_allowed_and_nothing_private_is_connected_to() {
        let router = Router::new()
            .route("/small", get(|| async { "{}\n" }))
            .route("/large", get(|| async { "x".repeat(10_000) }))
            .route("/away", get(|| async { Redirect::temporary("/small") }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let port = listener.local_addr().expect("address").port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let at = |path: &str| Url::parse(&format!("http://localhost:{port}{path}")).expect("url");
        let allowing = builder(true).build().expect("client");
        let mut read_bytes = Vec::new();
        let take = |piece: &[u8]| {
            read_bytes.extend_from_slice(piece);
            Ok(())
        };
        read(&allowing, at("/small"), 100, take).await.expect("small");
        assert_eq!(read_bytes, b"{}\n");
        let codes = [("/large", Code::TooLarge), ("/away", Code::Invalid), ("/none", Code::Invalid)];
        for (path, code) in codes {
            let refused = read(&allowing, at(path), 100, |_| Ok(())).await.expect_err(path);
            assert_eq!(refused.code(), code, "{path}");
        }
        let strict = builder(false).build().expect("client");
        let refused = read(&strict, at("/small"), 100, |_| Ok(())).await.expect_err("private");
        assert_eq!(refused.code(), Code::Away);
    }
}
