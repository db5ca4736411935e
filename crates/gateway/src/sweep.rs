//! What is over leaves the tables within the hour, also where nobody writes there again: sessions, links, letters between a
//! patient and a carer, codes that a desk gave, charts that were closed, and what clinicians asked of patients, with their
//! reasons.
//!
//! What is kept on purpose is not here: cases, emergencies and the access log, which are records of what was done with
//! somebody's rights (ADR 0018).

use crate::clock;
use crate::error::Error;
use crate::state::Gateway;
use crate::{links, proxies, recovery, staff};
use std::time::Duration;

/// How often what has ended is removed from the tables.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);

/// Sweeps for as long as the gateway runs.
pub(crate) async fn run(gateway: Gateway) {
    let hourly = async {
        loop {
            tokio::time::sleep(FORGET_INTERVAL).await;
            for ended in sweep(&gateway).await {
                if let Err(error) = ended {
                    tracing::warn!(%error, "what has ended is not removed yet");
                }
            }
        }
    };
    tokio::select! {
        () = gateway.stopped() => (),
        () = hourly => (),
    }
}

/// Sweeps once; what each part removed. One that fails does not keep the others from it.
async fn sweep(gateway: &Gateway) -> Vec<Result<usize, Error>> {
    let now_ms = clock::now_ms();
    let codes = gateway.store.write(move |tx| {
        Ok(proxies::prune(tx, now_ms)? + recovery::prune(tx, now_ms)? + staff::prune(tx, now_ms)?)
    });
    vec![
        gateway.accounts.prune().await,
        gateway.staff.prune().await,
        links::prune(gateway).await,
        codes.await,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::people::{self, Load};
    use crate::tests::world::World;

    async fn swept(world: &World) -> usize {
        sweep(&world.gateway).await.into_iter().map(|ended| ended.expect("swept")).sum()
    }

    #[tokio::test]
    async fn what_is_over_leaves_the_tables_though_nobody_writes_there_again() {
        let world = World::new().await;
        swept(&world).await;
        let invited = staff::issue_invite(&world.gateway, "p1".into()).await.expect("an invite");
        let letter = r#"{"locator":"0707070707070707070707070707070707070707070707070707070707070707","sealed":"AQEB"}"#;
        let request = people::request("POST", "/account/letters", Load::Json(letter));
        assert_eq!(people::ask(&world, "patient", request).await.status, 204);
        world.engine.born("p1", &clock::instant(clock::now_ms() - 10 * 366 * 86_400_000)[..10]);
        let request = people::request("POST", "/staff/guardians", Load::Json(r#"{"patient":"p1"}"#));
        assert_eq!(people::ask(&world, "clerk", request).await.status, 200);
        assert_eq!(swept(&world).await, 0, "nothing is over yet");
        clock::advance(7 * 86_400_000);
        let (invite, code) = (1, 1);
        assert!(swept(&world).await >= invite + code, "and sessions");
        assert!(!invited.code.is_empty());
        assert_eq!(swept(&world).await, 0, "once");
        clock::advance(7 * 86_400_000);
        assert!(swept(&world).await >= 1, "the letter, after a fortnight");
    }
}
