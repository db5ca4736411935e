//! Files in a folder: taken once, whole, in order, and no others.

use super::{Clinic, DOCUMENT, RESULT, feed, message};
use crate::erasure::{Named, Scope, testing_erase};
use crate::feeds::folder::{Looks, round};
use crate::feeds::take::Format;
use crate::feeds::{FeedKind, FolderFeed, desk, folder};
use crate::testing::{Node, node_with};
use axum::http::StatusCode;
use salus_types::erasure::ErasureGround;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

struct Drop {
    node: Node,
    clinic: Clinic,
    folder: TempDir,
    settings: FolderFeed,
    looks: Looks,
}

impl Drop {
    async fn new(keep: Duration) -> Self {
        let (clinic, folder) = (Clinic::default(), tempfile::tempdir().expect("folder"));
        let address = clinic.start().await;
        let settings = FolderFeed { path: folder.path().to_owned(), every: Duration::from_secs(3_600), keep };
        let kind = FeedKind::Folder(settings.clone());
        let node = node_with(|config| {
            config.engine = crate::engine::EngineAddress::Tcp(address);
            config.feeds = vec![feed("files", kind)];
        })
        .await;
        Self { node, clinic, folder, settings, looks: Looks::new() }
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("file");
    }

    async fn look(&mut self) -> Result<(), &'static str> {
        let feed = self.node.gateway.config.feeds[0].clone();
        round(&self.node.gateway, &feed, &self.settings, &mut self.looks).await
    }

    /// Names in the folder, and in `done` and `failed` without their times.
    fn names(&self) -> [Vec<String>; 3] {
        let of = |path: &Path| {
            let mut names: Vec<_> = fs::read_dir(path)
                .expect("folder")
                .map(|entry| entry.expect("entry").file_name().into_string().expect("text"))
                .filter(|name| !["done", "failed"].contains(&name.as_str()))
                .map(|name| match path == self.folder.path() {
                    true => name,
                    false => name.split_once('-').expect("a time").1.to_owned(),
                })
                .collect();
            names.sort();
            names
        };
        [of(self.folder.path()), of(&self.folder.path().join("done")), of(&self.folder.path().join("failed"))]
    }
}

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_file_is_taken_once_it_stays_as_it_is_and_put_away() {
    let mut drop = Drop::new(DAY).await;
    let both = format!(
        "FHS|^~\\&\rBHS|^~\\&\n{}{}BTS|2\rFTS|1\r",
        message("ORU^R01", "c1", RESULT).replace('\r', "\r\n"),
        message("ADT^A08", "c2", "")
    );
    drop.put("both.hl7", &both);
    drop.put("letter.xml", DOCUMENT);
    drop.look().await.expect("looked");
    assert!(drop.clinic.all("Observation").is_empty(), "it may still be written");
    drop.put("both.hl7", &format!("{both}\r"));
    drop.look().await.expect("looked");
    assert!(drop.clinic.all("Observation").is_empty(), "it has changed");
    assert_eq!(drop.clinic.all("DocumentReference").len(), 1);
    drop.look().await.expect("looked");
    assert_eq!(drop.clinic.all("Observation").len(), 1);
    assert_eq!(drop.names(), [vec![], vec!["both.hl7".to_owned(), "letter.xml".to_owned()], vec![]]);
    // The same again changes nothing.
    let before = drop.clinic.versions();
    drop.put("again.hl7", &both);
    drop.look().await.expect("looked");
    drop.look().await.expect("looked");
    assert_eq!((drop.clinic.versions(), drop.names()[1].len()), (before, 3));
}

#[tokio::test]
async fn what_cannot_be_filed_is_put_aside_and_what_may_pass_stays() {
    let mut drop = Drop::new(DAY).await;
    drop.put("bad.xml", "<!DOCTYPE x><ClinicalDocument/>");
    drop.put("kind.hl7", &message("SIU^S12", "c1", ""));
    drop.put("large.xml", &"x".repeat(9 << 20));
    drop.clinic.refuse(Some(StatusCode::INTERNAL_SERVER_ERROR));
    drop.put("result.hl7", &message("ORU^R01", "c2", RESULT));
    drop.look().await.expect("looked");
    assert_eq!(drop.look().await, Err("the own clinical store is away; files wait"));
    assert_eq!(drop.names()[0], ["result.hl7"]);
    assert_eq!(drop.names()[2], ["bad.xml", "kind.hl7", "large.xml"]);
    drop.clinic.refuse(None);
    assert_eq!(drop.look().await, Err("there are files in `failed`"), "a person is told");
    assert_eq!((drop.clinic.all("Observation").len(), drop.names()[0].len()), (1, 0));
    let waiting = desk::waiting(&drop.node.gateway, "files").expect("waiting");
    assert_eq!(waiting.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["C-CDA"]);
    assert_eq!(desk::replay(&drop.node.gateway, "files", None).await.expect("replay").failed, 1);
}

#[tokio::test]
async fn links_pipes_and_names_that_are_not_plain_are_left_alone() {
    let mut drop = Drop::new(DAY).await;
    let elsewhere = tempfile::tempdir().expect("folder");
    let secret = elsewhere.path().join("secret.xml");
    fs::write(&secret, DOCUMENT).expect("file");
    let path = drop.folder.path().to_owned();
    std::os::unix::fs::symlink(&secret, path.join("link.xml")).expect("link");
    fs::hard_link(&secret, path.join("hard.xml")).expect("link");
    fs::create_dir(path.join("folder.xml")).expect("folder");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path.join("pipe.hl7"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("pipe");
    for name in [".hidden.xml", "letter.xml.part", "a b.xml", "r\u{e9}sum\u{e9}.xml", "notes.txt"] {
        drop.put(name, DOCUMENT);
    }
    drop.look().await.expect("looked");
    drop.look().await.expect("looked");
    assert!(drop.clinic.versions().is_empty());
    assert_eq!((drop.names()[0].len(), drop.names()[1].len()), (9, 0));
    // A folder in the place of `done` that leads elsewhere: nothing is moved through it.
    fs::remove_dir(path.join("done")).expect("empty");
    std::os::unix::fs::symlink(elsewhere.path(), path.join("done")).expect("link");
    drop.put("letter.xml", DOCUMENT);
    assert_eq!(drop.look().await, Err("its folder cannot be read and written by this node"));
    assert_eq!(fs::read_dir(elsewhere.path()).expect("folder").count(), 1);
}

#[tokio::test]
async fn what_was_put_away_goes_with_time_and_with_an_erasure() {
    let mut drop = Drop::new(DAY).await;
    drop.put("jane.hl7", &message("ORU^R01", "c1", RESULT));
    drop.put("john.hl7", &message("ORU^R01", "c2", RESULT).replace("4711", "4712"));
    drop.look().await.expect("looked");
    drop.look().await.expect("looked");
    assert_eq!(drop.names()[1], ["jane.hl7", "john.hl7"]);
    let theirs = drop.clinic.all("Patient").into_iter().find(|(_, one)| one.to_string().contains("4711"));
    let jane = theirs.expect("Jane").1["id"].as_str().expect("id").to_owned();
    let of_jane =
        drop.clinic.all("Observation").into_iter().filter(|(_, one)| one.to_string().contains(&jane));
    let erased: Vec<_> = of_jane
        .map(|(_, one)| Named { kind: "Observation".into(), id: one["id"].as_str().expect("id").into() })
        .collect();
    assert_eq!(erased.len(), 1);
    let how = (Scope::Everything {}, ErasureGround::Unlawful);
    assert!(!testing_erase(&drop.node.gateway, &jane, how, erased).await);
    assert_eq!(drop.names()[1], ["john.hl7"]);
    drop.settings.keep = Duration::ZERO;
    drop.look().await.expect("looked");
    assert_eq!(drop.names()[1].len(), 0);
}

#[test]
fn a_file_is_told_apart_into_its_messages() {
    for (text, expected) in [
        ("", vec![]),
        ("MSH|a\rPID|1\r", vec!["MSH|a\rPID|1\r"]),
        ("MSH|a\nPID|1\n\nMSH|b", vec!["MSH|a\rPID|1\r", "MSH|b\r"]),
        ("FHS|x\rBHS|y\rMSH|a\r\nBTS|1\rFTS|1", vec!["MSH|a\r"]),
        ("rubbish\rMSH|a", vec!["rubbish\r", "MSH|a\r"]),
    ] {
        let messages = folder::messages("a.hl7", text.as_bytes().to_vec());
        assert!(messages.iter().all(|(format, _)| *format == Format::Message));
        let texts: Vec<_> =
            messages.into_iter().map(|(_, bytes)| String::from_utf8(bytes).expect("text")).collect();
        assert_eq!(texts, expected, "{text:?}");
    }
    assert_eq!(
        folder::messages("a.xml", b"<a>\nMSH</a>".to_vec()),
        [(Format::Document, b"<a>\nMSH</a>".to_vec())]
    );
}
