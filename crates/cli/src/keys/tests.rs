//! Key stores that open, and those of who tries to cheat. Files that need a token are in `crates/cli/tests/keys.rs`.

use super::command::{Arguments, run};
use super::file::{CLEAR_FILE, SEALED_FILE, write_clear};
use super::store::{Sealed, open, try_lock};
use super::token::stays_inside;
use super::unlock::{from_key, from_passphrase};
use super::*;
use crate::network::{CONFIG_FILE, Ports};
use crate::output::Output;
use clap::Parser as _;
use salus_types::Bounded;
use salus_types::keystore::{KeyLock, KeyStore, LockKind, PassphraseLock};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse battery staple";

/// A command line of its own, to try the options as they are typed.
#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    keys: Arguments,
}

#[derive(clap::Parser)]
struct UnlockLine {
    #[command(flatten)]
    unlock: Unlock,
}

/// A node's folder, with keys in the clear at first, and files beside it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.home()).unwrap();
        folder.configure(false);
        write_clear(&folder.home().join(CLEAR_FILE), &NodeKeys::generate().unwrap()).unwrap();
        folder
    }

    /// With its keys sealed by [`PASSPHRASE`].
    fn sealed() -> Self {
        let folder = Self::new();
        folder
            .keys(
                &["seal", "--lock", "passphrase", "--memory-mib", "64"],
                &[("--new-passphrase-file", PASSPHRASE)],
            )
            .unwrap();
        folder
    }

    fn home(&self) -> PathBuf {
        self.0.path().join("node")
    }

    fn store(&self) -> PathBuf {
        self.home().join(SEALED_FILE)
    }

    fn configure(&self, clear_keys: bool) {
        let file =
            NodeFile::local("clinic".parse().unwrap(), "genesis.json".into(), Ports::of(7000, 0).unwrap());
        let file = NodeFile { clear_keys, ..file };
        fs::write(self.home().join(CONFIG_FILE), serde_json::to_string(&file).unwrap()).unwrap();
    }

    /// A private file with a secret.
    fn secret(&self, secret: &[u8]) -> String {
        let path = self.0.path().join(format!("secret-{}", hex::encode(salus_crypto::random::bytes::<8>())));
        write_private(&path, secret).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// `salus keys`, with options that each name a file with a secret.
    fn keys(&self, words: &[&str], secrets: &[(&str, &str)]) -> Result<(), String> {
        let home = self.home();
        let mut line = vec!["keys".to_owned(), "--home".to_owned(), home.to_str().unwrap().to_owned()];
        line.extend(words.iter().map(|word| (*word).to_owned()));
        for (option, secret) in secrets {
            line.extend([(*option).to_owned(), self.secret(secret.as_bytes())]);
        }
        let Line { keys } = Line::try_parse_from(line).map_err(|error| error.to_string())?;
        run(keys, Output::new(true)).map_err(|error| format!("{error:#}"))
    }

    fn unlock(&self, secrets: &[(&str, &[u8])]) -> Unlock {
        let mut line = vec!["unlock".to_owned()];
        for (option, secret) in secrets {
            line.extend([(*option).to_owned(), self.secret(secret)]);
        }
        UnlockLine::parse_from(line).unlock
    }

    fn open(&self, unlock: &Unlock) -> Result<NodeKeys, String> {
        let node = NodeFile::read(&self.home()).unwrap();
        NodeKeys::open(&self.home(), &node, unlock).map_err(|error| format!("{error:#}"))
    }

    fn open_by(&self, passphrase: &str) -> Result<NodeKeys, String> {
        self.open(&self.unlock(&[("--passphrase-file", passphrase.as_bytes())]))
    }

    /// Who opens it by the right passphrase is told this.
    #[track_caller]
    fn refused(&self, expected: &str) {
        let error = self.open_by(PASSPHRASE).err().expect(expected);
        assert!(error.contains(expected), "{expected}: {error}");
    }

    /// The store changed by somebody who can write the file, and makes its digest fit.
    fn forge(&self, change: impl FnOnce(&mut KeyStore)) {
        let mut store = KeyStore::from_bytes(&fs::read(self.store()).unwrap()).unwrap();
        change(&mut store);
        fs::write(self.store(), store.to_bytes()).unwrap();
    }
}

#[track_caller]
fn same(one: &NodeKeys, two: &NodeKeys) {
    assert!(one.secrets().unwrap() == two.secrets().unwrap());
    assert_eq!(one.tls.certificate, two.tls.certificate);
}

/// A lock that costs no second to try.
fn quick(id: u8) -> (LockKind, Secret32) {
    (KeyLock { salt: [id; 32] }.into(), Secret32::from_bytes(&[id; 32]))
}

fn sealed(locks: &[u8]) -> Sealed {
    let mut sealed = Sealed::new();
    for id in locks {
        let (kind, secret) = quick(*id);
        sealed.add(&format!("lock-{id}"), kind, &secret).unwrap();
    }
    sealed
}

#[test]
fn keys_in_the_clear_open_only_where_node_json_allows_it() {
    let folder = Folder::new();
    let refused = folder.open(&Unlock::default()).err().unwrap();
    assert!(refused.contains("is not sealed") && refused.contains("clear_keys"), "{refused}");
    folder.configure(true);
    folder.open(&Unlock::default()).unwrap();
}

#[test]
fn sealing_keeps_the_keys_and_leaves_none_in_the_clear() {
    let folder = Folder::new();
    folder.configure(true);
    let keys = folder.open(&Unlock::default()).unwrap();
    folder
        .keys(
            &["seal", "--lock", "passphrase", "--memory-mib", "64"],
            &[("--new-passphrase-file", PASSPHRASE)],
        )
        .unwrap();
    same(&folder.open_by(PASSPHRASE).unwrap(), &keys);
    assert!(!folder.home().join(CLEAR_FILE).exists());
    assert_eq!(fs::metadata(folder.store()).unwrap().permissions().mode() & 0o777, 0o600);
    let file = fs::read(folder.store()).unwrap();
    let secrets = keys.secrets().unwrap();
    for secret in [&secrets.node_seed[..], &secrets.kem_seed, &secrets.storage_key, &secrets.tls_key] {
        let digits = hex::encode(secret);
        let holds = |what: &[u8]| memchr::memmem::find(&file, what).is_some();
        assert!(!holds(secret) && !holds(digits.as_bytes()), "a secret is in the file");
    }
    let left: Vec<_> = fs::read_dir(folder.home()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing is left behind: {left:?}");
}

#[test]
fn a_seal_that_did_not_end_is_ended_and_never_removes_other_keys() {
    let folder = Folder::new();
    let clear = fs::read(folder.home().join(CLEAR_FILE)).unwrap();
    let seal = || {
        folder.keys(
            &["seal", "--lock", "passphrase", "--memory-mib", "64"],
            &[("--new-passphrase-file", PASSPHRASE)],
        )
    };
    seal().unwrap();
    // Killed before the clear file went.
    write_private(&folder.home().join(CLEAR_FILE), &clear).unwrap();
    folder.refused("holds both");
    let again = [("--new-passphrase-file", PASSPHRASE), ("--passphrase-file", PASSPHRASE)];
    folder.keys(&["seal", "--lock", "passphrase", "--memory-mib", "64"], &again).unwrap();
    folder.open_by(PASSPHRASE).unwrap();
    assert!(seal().unwrap_err().contains("nothing is to be sealed"));
    write_clear(&folder.home().join(CLEAR_FILE), &NodeKeys::generate().unwrap()).unwrap();
    let other = folder.keys(&["seal", "--lock", "passphrase", "--memory-mib", "64"], &again).unwrap_err();
    assert!(other.contains("with other keys"), "{other}");
    assert!(folder.home().join(CLEAR_FILE).exists() && folder.store().exists());
}

#[test]
fn a_wrong_passphrase_none_and_one_that_is_too_short_are_refused() {
    let folder = Folder::sealed();
    let wrong = folder.open_by("correct horse battery stable").err().unwrap();
    assert!(wrong.contains("stays locked") && wrong.contains("this passphrase does not open it"), "{wrong}");
    let none = folder.open(&Unlock::default()).err().unwrap();
    assert!(none.contains("nothing was given that opens it") && none.contains("`passphrase`"), "{none}");
    folder.open_by(&format!("{PASSPHRASE}\n")).unwrap();
    for empty in ["", "\n"] {
        assert!(folder.open_by(empty).err().unwrap().contains("is empty"));
    }
    let short = Folder::new()
        .keys(&["seal", "--lock", "passphrase", "--memory-mib", "64"], &[("--new-passphrase-file", "short")]);
    assert!(short.unwrap_err().contains("at least 12"));
}

#[test]
fn a_locked_store_has_an_error_of_its_own() {
    let folder = Folder::sealed();
    let node = NodeFile::read(&folder.home()).unwrap();
    let error = NodeKeys::open(&folder.home(), &node, &Unlock::default()).err().unwrap();
    assert!(error.is::<Locked>(), "{error:?}");
}

#[test]
fn files_that_others_may_read_are_refused() {
    let folder = Folder::sealed();
    let passphrase = folder.unlock(&[("--passphrase-file", PASSPHRASE.as_bytes())]);
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(folder.store(), fs::Permissions::from_mode(mode)).unwrap();
        folder.refused("may be read by others");
    }
    fs::set_permissions(folder.store(), fs::Permissions::from_mode(0o600)).unwrap();
    folder.open(&passphrase).unwrap();
    let file = passphrase.passphrase_file.clone().unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(folder.open(&passphrase).err().unwrap().contains("may be read by others"));
}

#[test]
fn locks_are_added_changed_and_taken_away_and_the_keys_stay() {
    let folder = Folder::sealed();
    let keys = folder.open_by(PASSPHRASE).unwrap();
    let opens = |unlock: &Unlock| folder.open(unlock).map(|opened| same(&opened, &keys)).is_ok();
    let by = |passphrase: &str| opens(&folder.unlock(&[("--passphrase-file", passphrase.as_bytes())]));
    // A lock for the machine; its key is made.
    let machine = folder.0.path().join("machine.key");
    let add =
        ["change", "--lock", "key", "--name", "machine", "--new-lock-key-file", machine.to_str().unwrap()];
    folder.keys(&add, &[("--passphrase-file", PASSPHRASE)]).unwrap();
    let key = fs::read(&machine).unwrap();
    assert!(opens(&folder.unlock(&[("--lock-key-file", &key)])) && by(PASSPHRASE));
    assert!(!opens(&folder.unlock(&[("--lock-key-file", &[0; 32])])));
    let cut = folder.open(&folder.unlock(&[("--lock-key-file", &key[..31])])).err().unwrap();
    assert!(cut.contains("has 32 bytes"), "{cut}");
    assert!(folder.keys(&add, &[("--passphrase-file", PASSPHRASE)]).unwrap_err().contains("already"));
    // Another passphrase in the place of the first, without knowing the first: any lock will do.
    let change = ["change", "--remove", "passphrase", "--lock", "passphrase", "--memory-mib", "64"];
    let machine = machine.to_str().unwrap();
    let with = [&change[..], &["--lock-key-file", machine]].concat();
    folder.keys(&with, &[("--new-passphrase-file", "another passphrase")]).unwrap();
    assert!(by("another passphrase") && !by(PASSPHRASE));
    folder.keys(&["change", "--remove", "machine"], &[("--passphrase-file", "another passphrase")]).unwrap();
    assert!(!opens(&folder.unlock(&[("--lock-key-file", &key)])));
    let last =
        folder.keys(&["change", "--remove", "passphrase"], &[("--passphrase-file", "another passphrase")]);
    assert!(last.unwrap_err().contains("without a lock"));
    let none = folder.keys(&["change", "--remove", "nobody"], &[("--passphrase-file", "another passphrase")]);
    assert!(none.unwrap_err().contains("no lock named"));
    assert!(by("another passphrase"));
    assert_eq!(fs::metadata(folder.store()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn systemds_credentials_open_a_store_and_a_file_that_is_named_comes_first() {
    let folder = Folder::sealed();
    let credentials = folder.0.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    let unlock = Unlock { credentials_directory: Some(credentials.clone()), ..Unlock::default() };
    assert!(folder.open(&unlock).err().unwrap().contains("nothing was given"));
    fs::write(credentials.join("salus.passphrase"), PASSPHRASE).unwrap();
    folder.open(&unlock).unwrap();
    let wrong = folder.secret(b"wrong, and named");
    let named = Unlock { passphrase_file: Some(wrong.into()), ..unlock.clone() };
    assert!(folder.open(&named).err().unwrap().contains("does not open it"));
    let key = folder.secret(&[7; 32]);
    let add = ["change", "--lock", "key", "--new-lock-key-file", &key];
    folder.keys(&add, &[("--passphrase-file", PASSPHRASE)]).unwrap();
    fs::remove_file(credentials.join("salus.passphrase")).unwrap();
    fs::write(credentials.join("salus.key"), [7; 32]).unwrap();
    folder.open(&unlock).unwrap();
}

#[test]
fn one_lock_that_fails_does_not_keep_another_from_opening() {
    let folder = Folder::sealed();
    let key = folder.secret(&[7; 32]);
    let add = ["change", "--lock", "key", "--new-lock-key-file", &key];
    folder.keys(&add, &[("--passphrase-file", PASSPHRASE)]).unwrap();
    let both = [("--lock-key-file", &[8; 32][..]), ("--passphrase-file", PASSPHRASE.as_bytes())];
    folder.open(&folder.unlock(&both)).unwrap();
    let neither = [("--lock-key-file", &[8; 32][..]), ("--passphrase-file", b"wrong passphrase")];
    let error = folder.open(&folder.unlock(&neither)).err().unwrap();
    assert!(error.contains("`key`: this key") && error.contains("`passphrase`: this passphrase"), "{error}");
}

#[test]
fn new_keys_are_sealed_under_the_same_locks() {
    let folder = Folder::sealed();
    let keys = folder.open_by(PASSPHRASE).unwrap();
    let unlock = folder.unlock(&[("--passphrase-file", PASSPHRASE.as_bytes())]);
    let node = NodeFile::read(&folder.home()).unwrap();
    let out = folder.0.path().join("new");
    let (path, new) = renew(&folder.home(), &node, &unlock, Some(&out)).unwrap();
    assert_eq!(path, out);
    assert!(new.node.public() != keys.node.public() && new.storage == keys.storage);
    assert_eq!(new.former_kem.as_ref().unwrap().public(), keys.kem.public());
    same(&NodeKeys::open_file(&out, &node, &unlock).unwrap(), &new);
    assert!(renew(&folder.home(), &node, &unlock, Some(&out)).is_err(), "nothing is written over");
    fs::rename(&out, folder.store()).unwrap();
    same(&folder.open_by(PASSPHRASE).unwrap(), &new);
    // Keys in the clear are not renewed into the clear unless that is allowed.
    let clear = Folder::new();
    let out = clear.0.path().join("new");
    assert!(renew(&clear.home(), &node, &unlock, Some(&out)).is_err());
    let allowed = NodeFile { clear_keys: true, ..node };
    renew(&clear.home(), &allowed, &unlock, Some(&out)).unwrap();
}

/// Whoever writes the file can make its digest fit, and gains nothing.
#[test]
fn a_store_that_somebody_changed_is_refused() {
    let check = |expected: &str, change: &dyn Fn(&mut KeyStore)| {
        let folder = Folder::sealed();
        let key = folder.secret(&[7; 32]);
        let add = ["change", "--lock", "key", "--new-lock-key-file", &key];
        folder.keys(&add, &[("--passphrase-file", PASSPHRASE)]).unwrap();
        folder.open_by(PASSPHRASE).unwrap();
        folder.forge(change);
        folder.refused(expected);
    };
    let changed = "was changed by somebody";
    check(changed, &|store| {
        let kept = store.head.locks.iter().filter(|lock| lock.name.as_str() != "key").cloned();
        store.head.locks = kept.collect::<Vec<_>>().try_into().unwrap();
    });
    check(changed, &|store| {
        let mut locks = store.head.locks.to_vec();
        let mut another = locks[0].clone();
        another.name = salus_types::Text::new("another").unwrap();
        locks.push(another);
        store.head.locks = locks.try_into().unwrap();
    });
    check(changed, &|store| store.head.node_key = SigningKey::generate().public());
    check(changed, &|store| store.head.tls_certificate = Bounded::new(vec![1; 300]).unwrap());
    check(changed, &|store| store.head.salt = [1; 32]);
    check(changed, &|store| {
        let mut sealed = store.sealed.to_vec();
        sealed[40] ^= 1;
        store.sealed = sealed.try_into().unwrap();
    });
    check("does not open it", &|store| store.head.id = [1; 32]);
    check("somebody changed the lock", &|store| {
        let mut locks = store.head.locks.to_vec();
        locks[0].wrapped[40] ^= 1;
        store.head.locks = locks.try_into().unwrap();
    });
}

#[test]
fn parameters_of_argon2_are_neither_lowered_nor_raised() {
    let check = |expected: &str, change: &dyn Fn(&mut PassphraseLock)| {
        let folder = Folder::sealed();
        folder.forge(|store| {
            let mut locks = store.head.locks.to_vec();
            let LockKind::PassphraseLock(lock) = &mut locks[0].kind else { panic!("a passphrase") };
            change(lock);
            store.head.locks = locks.try_into().unwrap();
        });
        folder.refused(expected);
    };
    check("lower than is allowed", &|lock| lock.memory_kib = 8);
    check("lower than is allowed", &|lock| lock.passes = 1);
    check("higher than is allowed", &|lock| lock.memory_kib = u32::MAX);
    check("higher than is allowed", &|lock| lock.passes = u32::MAX);
    // Within the bounds, and yet not those that the lock was made with.
    check("does not open it", &|lock| lock.memory_kib += 1 << 10);
    check("does not open it", &|lock| lock.salt = [1; 32]);
}

#[test]
fn a_file_that_is_cut_or_damaged_is_refused_and_said_so() {
    let folder = Folder::sealed();
    let file = fs::read(folder.store()).unwrap();
    for length in [0, 1, 16, 17, 100, file.len() / 2, file.len() - 32, file.len() - 1] {
        fs::write(folder.store(), &file[..length]).unwrap();
        assert!(folder.open_by(PASSPHRASE).is_err(), "cut to {length}");
    }
    fs::write(folder.store(), &file[..file.len() - 1]).unwrap();
    folder.refused("damaged or cut short");
    let mut damaged = file.clone();
    damaged[file.len() / 2] ^= 1;
    fs::write(folder.store(), damaged).unwrap();
    folder.refused("damaged or cut short");
    let mut later = file.clone();
    later[15] = b'2';
    fs::write(folder.store(), later).unwrap();
    folder.refused("does not know");
    fs::write(folder.store(), vec![0; 1 << 20]).unwrap();
    folder.refused("too long");
}

/// Every byte of both the sealed keys and the wrapped key is authenticated.
#[test]
fn a_changed_byte_opens_nothing() {
    let keys = NodeKeys::generate().unwrap();
    let store = sealed(&[1]).seal(&keys).unwrap();
    let secret = quick(1).1;
    let key = || try_lock(&store.head, &store.head.locks[0], &secret).unwrap();
    same(&open(&store, key()).unwrap().0, &keys);
    for at in 0..store.sealed.len() {
        let mut bytes = store.sealed.to_vec();
        bytes[at] ^= 0x80;
        let changed = KeyStore { sealed: bytes.try_into().unwrap(), ..store.clone() };
        assert!(open(&changed, key()).is_err(), "sealed byte {at}");
    }
    for at in 0..store.head.locks[0].wrapped.len() {
        let mut lock = store.head.locks[0].clone();
        lock.wrapped[at] ^= 0x80;
        assert!(try_lock(&store.head, &lock, &secret).is_err(), "wrapped byte {at}");
    }
}

/// Two stores with the same lock key: nothing of one opens in the other.
#[test]
fn wrapped_keys_and_sealed_keys_of_two_stores_cannot_be_swapped() {
    let [one, two] = [(); 2].map(|()| sealed(&[1]).seal(&NodeKeys::generate().unwrap()).unwrap());
    let secret = quick(1).1;
    let key = |of: &KeyStore| try_lock(&of.head, &of.head.locks[0], &secret).unwrap();
    // The wrapped key of the other store in this one's lock.
    assert!(try_lock(&one.head, &two.head.locks[0], &secret).is_err());
    // The sealed keys of the other store below this one's head, and the other way round.
    let mixed = KeyStore { head: one.head.clone(), sealed: two.sealed.clone() };
    assert!(open(&mixed, key(&one)).is_err() && open(&mixed, key(&two)).is_err());
    // Head and lock of one, with the id of the other.
    let mut renamed = one.clone();
    renamed.head.id = two.head.id;
    assert!(try_lock(&renamed.head, &renamed.head.locks[0], &secret).is_err());
    // A lock under another name of the same store.
    let mut lock = one.head.locks[0].clone();
    lock.name = salus_types::Text::new("lock-2").unwrap();
    assert!(try_lock(&one.head, &lock, &secret).is_err());
}

/// Each file seals under a key of its own, so that AES-GCM never sees two texts under one key.
#[test]
fn no_two_files_of_a_store_are_sealed_under_one_key() {
    let (sealed, keys) = (sealed(&[1]), NodeKeys::generate().unwrap());
    let [one, two] = [(); 2].map(|()| sealed.seal(&keys).unwrap());
    // The commitment is that to the key.
    assert_ne!(one.sealed[..32], two.sealed[..32]);
    assert_eq!(one.head.locks, two.head.locks);
    let old_lock_new_file = try_lock(&two.head, &one.head.locks[0], &quick(1).1).unwrap();
    same(&open(&two, old_lock_new_file).unwrap().0, &keys);
}

/// A file cannot be made that opens by two passphrases: the lock's key is committed to.
#[test]
fn a_wrapped_key_opens_under_the_committed_key_alone() {
    let store = sealed(&[1, 2]).seal(&NodeKeys::generate().unwrap()).unwrap();
    let [one, two] = [0, 1].map(|at| store.head.locks[at].clone());
    assert!(
        try_lock(&store.head, &one, &quick(1).1).is_ok() && try_lock(&store.head, &two, &quick(2).1).is_ok()
    );
    for (lock, other) in [(&one, 2), (&two, 1)] {
        let error = try_lock(&store.head, lock, &quick(other).1).unwrap_err();
        assert!(error.to_string().contains("does not open it"), "by its commitment: {error}");
    }
}

#[test]
fn locks_are_few_and_named_once() {
    let mut sealed = sealed(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let (kind, secret) = quick(9);
    assert!(sealed.add("lock-9", kind.clone(), &secret).unwrap_err().to_string().contains("at most 8"));
    sealed.remove("lock-8").unwrap();
    assert!(sealed.add("lock-7", kind.clone(), &secret).unwrap_err().to_string().contains("already"));
    for name in ["", "Office", "a b", "\u{1b}[0m"] {
        assert!(sealed.add(name, kind.clone(), &secret).is_err(), "{name:?}");
    }
    sealed.add("lock-9", kind, &secret).unwrap();
}

#[test]
fn a_key_that_could_leave_its_token_is_refused() {
    use cryptoki::object::Attribute::{Extractable, Id, Sensitive};
    let check = |attributes: &[_], expected| assert_eq!(stays_inside(attributes), expected, "{attributes:?}");
    check(&[Id(vec![1]), Sensitive(true), Extractable(false)], true);
    check(&[Id(vec![1]), Sensitive(false), Extractable(false)], false);
    check(&[Id(vec![1]), Sensitive(true), Extractable(true)], false);
    // A token that does not say.
    check(&[Id(vec![1]), Sensitive(true)], false);
    check(&[Id(vec![1])], false);
}

#[test]
fn what_opens_a_lock_is_what_was_meant() {
    assert!(from_key(&[1; 31]).is_err() && from_key(&[1; 33]).is_err());
    let cost = PassphraseLock { salt: [1; 32], memory_kib: 64 << 10, passes: 3, lanes: 4 };
    assert_ne!(from_passphrase(b"one", &cost).unwrap(), from_passphrase(b"one ", &cost).unwrap());
}
