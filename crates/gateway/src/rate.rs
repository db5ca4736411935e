//! How often one caller may ask: a token bucket for each network address.
//!
//! Behind a reverse proxy all callers share the proxy's address; the proxy must then limit them itself.

use crate::error::{Code, Error};
use crate::state::Config;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::Extensions;
use axum::http::request::Parts;
use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Callers that are remembered at once.
const CALLERS_MAX: usize = 65_536;

/// The network a request comes from: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller(IpAddr);

impl Caller {
    /// The caller at an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let prefix = u128::from(v6) & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from(prefix)))
            }
        }
    }
}

impl Caller {
    /// Whose request this is, where the listener asks for addresses: other members are known by their certificates.
    pub(crate) fn of_request(extensions: &Extensions) -> Option<Self> {
        extensions.get::<ConnectInfo<SocketAddr>>().map(|info| Self::of(info.0.ip()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of_request(&parts.extensions).unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

/// A limit that holds for each caller on its own: a network address, or whoever else is known by a name.
pub(crate) struct RateLimit<C = Caller> {
    burst: f64,
    per_second: f64,
    buckets: Mutex<HashMap<C, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl RateLimit {
    /// A limit of the configuration; in a demo, where all callers share one address, as high as for many.
    pub(crate) fn of(config: &Config, per_minute: u32) -> Self {
        Self::per_minute(per_minute.saturating_mul(config.callers()))
    }
}

impl<C: Eq + Hash> RateLimit<C> {
    /// At most `per_minute` in the long run, and as many at once.
    pub(crate) fn per_minute(per_minute: u32) -> Self {
        let burst = f64::from(per_minute.max(1));
        Self { burst, per_second: burst / 60.0, buckets: Mutex::default() }
    }

    /// At most `per_day` in the long run, and as many at once.
    pub(crate) fn per_day(per_day: u32) -> Self {
        let burst = f64::from(per_day.max(1));
        Self { burst, per_second: burst / 86_400.0, buckets: Mutex::default() }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// [`Code::Throttled`] with the time to wait.
    pub(crate) fn check(&self, caller: C) -> Result<(), Error> {
        let wait = self.take(caller, Instant::now());
        wait.map_or(Ok(()), |wait| {
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u32;
            Err(Error::new(Code::Throttled, "too many requests from here; wait a moment")
                .retry_after(seconds))
        })
    }

    /// `None` if there is room, else how long until there is.
    fn take(&self, caller: C, now: Instant) -> Option<Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CALLERS_MAX && !buckets.contains_key(&caller) {
            buckets.retain(|_, bucket| self.level(bucket, now) < self.burst);
            if buckets.len() >= CALLERS_MAX {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(caller).or_insert(Bucket { left: self.burst, at: now });
        let left = self.level(bucket, now);
        *bucket = Bucket { left: if left >= 1.0 { left - 1.0 } else { left }, at: now };
        (left < 1.0).then(|| Duration::from_secs_f64((1.0 - left) / self.per_second))
    }

    fn level(&self, bucket: &Bucket, now: Instant) -> f64 {
        let refill = now.saturating_duration_since(bucket.at).as_secs_f64() * self.per_second;
        (bucket.left + refill).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(text: &str) -> Caller {
        Caller::of(text.parse().expect("address"))
    }

    #[test]
    fn callers_are_networks() {
        for (left, right, same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            assert_eq!(caller(left) == caller(right), same, "{left} {right}");
        }
    }

    #[test]
    fn a_caller_that_asks_too_often_waits_and_others_do_not() {
        let (limit, now) = (RateLimit::per_minute(60), Instant::now());
        let refused = (0..100).filter(|_| limit.take(caller("10.0.0.1"), now).is_some()).count();
        assert_eq!(refused, 40);
        assert!(limit.take(caller("10.0.0.2"), now).is_none());
        assert!(limit.take(caller("10.0.0.1"), now + Duration::from_secs(1)).is_none());
        assert!(limit.take(caller("10.0.0.1"), now + Duration::from_secs(1)).is_some());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (limit, now) = (RateLimit::per_minute(1), Instant::now());
        for n in 0..(CALLERS_MAX as u32 + 10) {
            limit.take(Caller(IpAddr::V4(Ipv4Addr::from(n))), now);
        }
        assert!(limit.buckets.lock().expect("lock").len() <= CALLERS_MAX);
    }
}
