//! Sealed keys, as an operator has them: every command opens them, and none does with what does not open them.
//!
//! Tokens are SoftHSM's. Its library is where Debian's `softhsm2` puts it, or where `SALUS_SOFTHSM` says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::{eventually, salus};
use salus_crypto::hash::sha256;
use salus_types::genesis::{Genesis, Parameters};
use salus_types::keystore::{KeyStore, KeyStoreHead};
use salus_types::organisation::{Class, KEM_KEY_LENGTH, Organisation};
use salus_types::{Bounded, Digest, PublicKey, SigningKey, Text};
use salus_verifier::GenesisFile;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const PORT: u16 = 23_600;
const PASSPHRASE: &str = "correct horse battery staple";
/// What the program ends with when the key store stays locked.
const LOCKED: i32 = 78;

/// A folder with the folder of a node, a genesis, and files with secrets.
struct Folder(TempDir);

/// What a call gave.
struct Called {
    code: Option<i32>,
    json: Value,
    error: String,
}

impl Called {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            json: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    fn fine(self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.error);
        self.json
    }

    /// It stays locked, says why, and prints nothing else.
    #[track_caller]
    fn locked(self, words: &str) {
        assert_eq!(self.code, Some(LOCKED), "{}", self.error);
        assert!(self.error.contains(words) && !self.error.contains("panicked"), "{words}: {}", self.error);
        assert_eq!(self.json, Value::Null);
    }
}

impl Folder {
    /// With a genesis of one organisation, whose keys nobody has.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let kem_key = vec![1; KEM_KEY_LENGTH].try_into().unwrap();
        folder.write_genesis("genesis.json", SigningKey::generate().public(), kem_key, Digest::ZERO);
        folder.secret("passphrase", PASSPHRASE);
        folder.secret("wrong", "wrong horse battery staple");
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn home(&self) -> String {
        self.path("node")
    }

    fn secret(&self, name: &str, secret: &str) {
        let path = self.path(name);
        fs::write(&path, secret).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn write_genesis(
        &self,
        name: &str,
        node_key: PublicKey,
        kem_key: Bounded<u8, KEM_KEY_LENGTH>,
        tls_certificate: Digest,
    ) {
        let organisation = Organisation {
            id: "clinic".parse().unwrap(),
            name: Text::new("Clinic").unwrap(),
            class: Class::Provider,
            validator: true,
            custodian: false,
            node_key,
            kem_key,
            tls_certificate,
            ledger_address: Text::new(format!("127.0.0.1:{}", PORT + 2)).unwrap(),
            peer_url: Text::new(format!("https://127.0.0.1:{}", PORT + 1)).unwrap(),
            portal_url: Text::new(format!("http://localhost:{PORT}")).unwrap(),
        };
        let genesis = Genesis {
            name: Text::new("one").unwrap(),
            time_ms: 1_800_000_000_000,
            parameters: Parameters::default(),
            organisations: vec![organisation].try_into().unwrap(),
        };
        fs::write(self.path(name), serde_json::to_string(&GenesisFile::of(&genesis)).unwrap()).unwrap();
    }

    /// Words that name files of this folder begin with `@`.
    fn command(&self, words: &[&str]) -> Command {
        let words: Vec<_> = words
            .iter()
            .map(|word| word.strip_prefix('@').map_or_else(|| (*word).to_owned(), |name| self.path(name)))
            .collect();
        let mut command = salus(&words.iter().map(String::as_str).collect::<Vec<_>>());
        command.arg("--json").stdin(Stdio::null()).env("SOFTHSM2_CONF", self.path("softhsm.conf"));
        command
    }

    fn call(&self, words: &[&str]) -> Called {
        Called::of(&self.command(words).output().unwrap())
    }

    /// `salus prepare`, with a lock.
    fn prepare(&self, lock: &[&str]) -> Called {
        let port = PORT.to_string();
        let words = ["prepare", "--home", "@node", "--organisation", "clinic", "--genesis", "@genesis.json"];
        self.call(&[&words[..], &["--base-port", &port, "--demo"], lock].concat())
    }

    fn prepare_with_passphrase(&self) {
        self.prepare(&["--lock", "passphrase", "--memory-mib", "64", "--new-passphrase-file", "@passphrase"])
            .fine();
    }

    fn head(&self) -> KeyStoreHead {
        let file = Path::new(&self.home()).join("keys.sealed");
        KeyStore::from_bytes(&fs::read(file).unwrap()).unwrap().head
    }

    /// The genesis that names the keys of the node.
    fn found_network(&self) {
        let KeyStoreHead { node_key, kem_key, tls_certificate, .. } = self.head();
        self.write_genesis("node/genesis.json", node_key, kem_key, sha256(&*tls_certificate));
    }
}

#[test]
fn keys_are_sealed_or_in_the_clear_by_a_word_of_the_operator() {
    let folder = Folder::new();
    let port = PORT.to_string();
    let words = ["prepare", "--home", "@node", "--organisation", "clinic", "--genesis", "@genesis.json"];
    let words = [&words[..], &["--base-port", &port]].concat();
    let said = folder.call(&words);
    assert!(said.code == Some(1) && said.error.contains("--clear-keys"), "{}", said.error);
    assert!(!Path::new(&folder.home()).exists());
    folder.call(&[&words[..], &["--clear-keys"]].concat()).fine();
    let shown = folder.call(&["keys", "--home", "@node", "show"]).fine();
    assert_eq!(shown["sealed"], false);
    let key = shown["public"]["nodeKey"].clone();
    let seal =
        ["keys", "--home", "@node", "seal", "--lock", "passphrase", "--new-passphrase-file", "@passphrase"];
    folder.call(&seal).fine();
    let shown = folder.call(&["keys", "--home", "@node", "show"]).fine();
    assert_eq!((&shown["sealed"], &shown["public"]["nodeKey"]), (&Value::Bool(true), &key));
    assert_eq!(shown["locks"][0]["kind"], "passphrase");
    let open = ["keys", "--home", "@node", "show", "--open", "--passphrase-file"];
    assert_eq!(folder.call(&[&open[..], &["@passphrase"]].concat()).fine()["opened"], "passphrase");
    folder.call(&[&open[..], &["@wrong"]].concat()).locked("this passphrase does not open it");
}

#[test]
fn a_passphrase_may_come_through_a_pipe() {
    let folder = Folder::new();
    folder.prepare_with_passphrase();
    let mut command = folder.command(&["keys", "--home", "@node", "show", "--open"]);
    let mut child = command
        .args(["--passphrase-file", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSPHRASE}").unwrap();
    Called::of(&child.wait_with_output().unwrap()).fine();
}

#[test]
fn a_locked_store_stops_every_command_before_it_does_anything() {
    let folder = Folder::new();
    folder.prepare_with_passphrase();
    folder.call(&["backup", "--new-key", "@backup"]).fine();
    let before = files(&folder.home());
    for words in [
        &["node", "--home", "@node"][..],
        &["backup", "--home", "@node", "--to", "@backup.pub", "--out", "@out"],
        &["governance", "--home", "@node", "new-keys", "--out", "@new"],
        &["keys", "--home", "@node", "change", "--remove", "passphrase"],
    ] {
        let locked = |more: &[&str], said| folder.call(&[words, more].concat()).locked(said);
        locked(&["--passphrase-file", "@wrong"], "this passphrase does not open it");
        locked(&[], "nothing was given that opens it");
    }
    let doctor = folder.call(&["doctor", "--home", "@node"]);
    assert!(
        doctor.code == Some(2) && doctor.json.to_string().contains("nothing was given"),
        "{}",
        doctor.json
    );
    assert_eq!(files(&folder.home()), before, "nothing was begun");
    assert!(!Path::new(&folder.path("out")).exists() && !Path::new(&folder.path("new")).exists());
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = common::files_below(Path::new(folder));
    found.sort();
    found
}

#[test]
fn new_keys_and_an_application_come_from_sealed_keys() {
    let folder = Folder::new();
    folder.prepare_with_passphrase();
    let with = ["--passphrase-file", "@passphrase"];
    let governance =
        |words: &[&str]| folder.call(&[&["governance", "--home", "@node"], words, &with[..]].concat()).fine();
    let key = governance(&["new-keys", "--out", "@new.sealed"])["nodeKey"].clone();
    let application =
        ["application", "--name", "Clinic", "--class", "provider", "--out", "@application.json"];
    let old = governance(&application)["organisation"]["nodeKey"].clone();
    let new = governance(&[&application[..], &["--keys", "@new.sealed"]].concat());
    assert_eq!(new["organisation"]["nodeKey"], key);
    assert_ne!(old, key);
    // As the how-to says: in the place of the old ones.
    fs::rename(folder.path("new.sealed"), Path::new(&folder.home()).join("keys.sealed")).unwrap();
    let show = ["keys", "--home", "@node", "show", "--open"];
    assert_eq!(folder.call(&[&show[..], &with].concat()).fine()["public"]["nodeKey"], key);
}

/// Kills the node if a test ends early.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_node_runs_is_backed_up_and_is_restored_with_sealed_keys() {
    let folder = Folder::new();
    folder.prepare_with_passphrase();
    folder.found_network();
    folder.call(&["backup", "--new-key", "@backup"]).fine();
    let with = ["--passphrase-file", "@passphrase"];
    let log = fs::File::create(folder.path("log")).unwrap();
    let mut command = folder.command(&[&["node", "--home", "@node"], &with[..]].concat());
    let mut node = Node(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    let check = |name: &str| {
        let checks = folder.call(&[&["doctor", "--home", "@node"], &with[..]].concat()).json;
        let all = checks["checks"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|check| check["name"] == name).unwrap_or_default()
    };
    // Alone in its network it is connected to nobody, which the doctor does not like.
    let is_up = || check("node")["found"].as_str().is_some_and(|found| found.starts_with("up, at height"));
    eventually("the node is up", is_up);
    assert_eq!(check("keys")["verdict"], "ok");
    assert_eq!(check("membership")["verdict"], "ok", "the ledger names the sealed keys");
    let pid = node.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(node.0.wait().unwrap().success());
    let log = fs::read_to_string(folder.path("log")).unwrap();
    assert!(log.contains("the node has stopped") && !log.contains("correct horse"), "{log}");
    let backup = ["backup", "--home", "@node", "--to", "@backup.pub", "--out", "@out"];
    folder.call(&[&backup[..], &with].concat()).fine();
    let restore = ["restore", "--from", "@out", "--key", "@backup", "--home", "@again"];
    folder.call(&restore).locked("nothing was given that opens it");
    assert!(!Path::new(&folder.path("again")).exists(), "nothing is in place that was not checked");
    folder.call(&[&restore[..], &with].concat()).fine();
    let [one, two] =
        ["node", "again"].map(|home| fs::read(Path::new(&folder.path(home)).join("keys.sealed")).unwrap());
    assert_eq!(one, two);
}

/// SoftHSM's library with a token in the folder; `None` (and a line that says so) where it is not installed.
fn token(folder: &Folder, label: &str) -> Option<String> {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    ];
    let named = std::env::var("SALUS_SOFTHSM").ok();
    let module =
        named.or_else(|| places.iter().find(|path| Path::new(path).exists()).map(|path| (*path).to_owned()));
    let Some(module) = module else {
        eprintln!("skipped: there is no SoftHSM (Debian's softhsm2)");
        assert!(std::env::var_os("CI").is_none(), "in CI SoftHSM must be there");
        return None;
    };
    let tokens = folder.path("tokens");
    fs::create_dir_all(&tokens).unwrap();
    fs::write(folder.path("softhsm.conf"), format!("directories.tokendir = {tokens}\nlog.level = ERROR\n"))
        .unwrap();
    let made = Command::new("softhsm2-util")
        .args([
            "--module",
            &module,
            "--init-token",
            "--free",
            "--label",
            label,
            "--pin",
            "1234",
            "--so-pin",
            "5678",
        ])
        .env("SOFTHSM2_CONF", folder.path("softhsm.conf"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder.secret("pin", "1234");
    folder.secret("wrong-pin", "4321");
    Some(module)
}

#[test]
fn a_token_opens_a_store_with_its_pin_and_a_second_lock_does_when_it_is_gone() {
    let folder = Folder::new();
    let Some(module) = token(&folder, "salus") else { return };
    let with = ["--pkcs11-module", &module, "--pkcs11-pin-file"];
    let pin = [&with[..], &["@pin"]].concat();
    folder.prepare(&[&["--lock", "token", "--token", "salus"], &pin[..]].concat()).fine();
    let shown = folder.call(&["keys", "--home", "@node", "show"]).fine();
    assert_eq!((&shown["locks"][0]["kind"], &shown["locks"][0]["token"]), (&"token".into(), &"salus".into()));
    let open = ["keys", "--home", "@node", "show", "--open"];
    let open = |more: &[&str]| folder.call(&[&open[..], more].concat());
    assert_eq!(open(&pin).fine()["opened"], "token");
    open(&[&with[..], &["@wrong-pin"]].concat()).locked("the token refuses the PIN");
    open(&[]).locked("nothing was given that opens it");
    open(&["--pkcs11-module", "@no-library", "--pkcs11-pin-file", "@pin"]).locked("cannot load");
    open(&["--pkcs11-module", &module]).locked("no terminal");
    // A lock for the day when the token is lost.
    let change =
        ["keys", "--home", "@node", "change", "--lock", "passphrase", "--new-passphrase-file", "@passphrase"];
    folder.call(&[&change[..], &pin].concat()).fine();
    fs::rename(folder.path("tokens"), folder.path("stolen")).unwrap();
    fs::create_dir(folder.path("tokens")).unwrap();
    open(&pin).locked("there is no token named `salus`");
    let both = [&pin[..], &["--passphrase-file", "@passphrase"]].concat();
    assert_eq!(open(&both).fine()["opened"], "passphrase");
    // Another token of the same name and PIN, with a key of the same name, is another token.
    token(&folder, "salus");
    open(&pin).locked("has 0 keys");
    let add = ["--lock", "token", "--name", "second", "--token", "salus", "--passphrase-file", "@passphrase"];
    folder.call(&[&["keys", "--home", "@node", "change"], &add[..], &pin].concat()).fine();
    assert_eq!(open(&pin).fine()["opened"], "second");
}

#[test]
fn one_key_of_a_token_opens_each_store_by_another_answer() {
    let folder = Folder::new();
    let Some(module) = token(&folder, "salus") else { return };
    let pin = ["--pkcs11-module", &module, "--pkcs11-pin-file", "@pin"];
    folder.prepare(&[&["--lock", "token", "--token", "salus"], &pin[..]].concat()).fine();
    let one = fs::read(Path::new(&folder.home()).join("keys.sealed")).unwrap();
    fs::remove_dir_all(folder.home()).unwrap();
    folder.prepare(&[&["--lock", "token", "--token", "salus"], &pin[..]].concat()).fine();
    let file = Path::new(&folder.home()).join("keys.sealed");
    let two = fs::read(&file).unwrap();
    let [mut one, mut two] = [one, two].map(|file| KeyStore::from_bytes(&file).unwrap());
    assert_ne!(one.head.id, two.head.id);
    // The lock of the one in the other.
    std::mem::swap(&mut one.head.locks, &mut two.head.locks);
    fs::write(&file, two.to_bytes()).unwrap();
    let open = ["keys", "--home", "@node", "show", "--open"];
    folder.call(&[&open[..], &pin].concat()).locked("this token does not open it");
}
