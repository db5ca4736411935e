//! Judgements by what was measured.

use super::Verdict::{Failure, Ok, Warning};
use super::peers::{Answer, clock, lag, reached, versions};
use super::{Check, Verdict, certificate, disk, keys, node};
use salus_gateway::peer::NodeStatus;
use std::time::Duration;

fn is(check: &Check, expected: Verdict) {
    assert_eq!(check.verdict, expected, "{check:?}");
    assert_eq!(check.advice.is_some(), expected != Ok, "advice where it is needed: {check:?}");
}

fn answer(height: u64, ahead_ms: i64, version: &str) -> Answer {
    Answer { ahead_ms, status: NodeStatus { height, version: version.to_owned(), ..NodeStatus::default() } }
}

#[test]
fn a_full_or_a_slow_disk_is_said() {
    const GB: u64 = 1_000_000_000;
    is(&disk::space(500 * GB, 1_000 * GB), Ok);
    is(&disk::space(90 * GB, 1_000 * GB), Warning);
    is(&disk::space(GB, 1_000 * GB), Failure);
    is(&disk::space(0, 0), Failure);
    is(&disk::speed(Duration::from_millis(2)), Ok);
    is(&disk::speed(Duration::from_millis(60)), Warning);
    is(&disk::speed(Duration::from_secs(1)), Failure);
}

#[test]
fn keys_in_the_clear_are_warned_of_outside_a_demo() {
    is(&keys(false, false), Ok);
    is(&keys(true, true), Ok);
    is(&keys(true, false), Warning);
}

#[test]
fn a_certificate_is_renewed_before_it_ends() {
    const DAY: i64 = 86_400;
    is(&certificate::judge(90 * DAY, 0), Ok);
    is(&certificate::judge(20 * DAY, 0), Warning);
    is(&certificate::judge(0, 0), Warning);
    is(&certificate::judge(0, 1), Failure);
}

#[test]
fn the_clock_is_judged_by_the_middle_of_the_others() {
    let check = |ahead: &[i64], expected: Verdict| {
        let answers: Vec<_> = ahead.iter().map(|ms| answer(0, *ms, "")).collect();
        is(&clock(&answers), expected);
    };
    check(&[], Warning);
    check(&[0, 10, -20], Ok);
    // One of the others is wrong, not this one.
    check(&[0, 90_000, -20], Ok);
    check(&[-700, -800, -650], Warning);
    check(&[5_000, 5_100, 4_900], Failure);
}

#[test]
fn one_of_four_away_is_a_warning_and_two_are_a_failure() {
    let away = |count: usize| vec!["somebody".to_owned(); count];
    is(&reached("peers", 3, &away(0)), Ok);
    is(&reached("peers", 3, &away(1)), Warning);
    is(&reached("peers", 3, &away(2)), Failure);
    is(&reached("peers", 0, &away(0)), Ok);
}

#[test]
fn other_patches_are_fine_and_other_series_are_said() {
    let own = env!("CARGO_PKG_VERSION");
    let patch = format!("{}.999", own.rsplit_once('.').expect("a series").0);
    is(&versions(&[]), Warning);
    is(&versions(&[answer(0, 0, own), answer(0, 0, &patch), answer(0, 0, "")]), Ok);
    is(&versions(&[answer(0, 0, own), answer(0, 0, "99.0.0")]), Warning);
}

#[test]
fn a_node_far_behind_is_said() {
    is(&lag(1_000, 1, &[]), Ok);
    is(&lag(1_000, 1, &[answer(1_050, 0, ""), answer(900, 0, "")]), Ok);
    is(&lag(1_000, 1, &[answer(9_000, 0, "")]), Warning);
}

#[test]
fn a_low_limit_of_open_files_is_said() {
    is(&node::open_files(None), Ok);
    is(&node::open_files(Some(65_536)), Ok);
    is(&node::open_files(Some(2_048)), Warning);
    is(&node::open_files(Some(256)), Failure);
}
