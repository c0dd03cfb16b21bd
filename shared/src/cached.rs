//! A value that is fetched rarely and needed by every request: the keys of tokens and of links.
//!
//! A value is *fresh* for a while and then fetched again. If that fails, the last good value stays in use, but not forever: a
//! key that was withdrawn during a long outage must not be believed for good.

use std::future::Future;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

/// How long a [`Cached`] value is used, and how often it is fetched.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// A value is used without asking for this long.
    pub fresh: Duration,
    /// The source is asked at most this often while a value is held, even if the value lacks what a caller looks for.
    pub cooldown: Duration,
    /// A value that could not be fetched again for this long is no longer used.
    pub believed: Duration,
    /// How long one fetch may take.
    pub patience: Duration,
}

impl Times {
    /// Of keys that are fresh for `fresh`: an unknown key asks every 30 seconds at most, keys that could not be fetched for a
    /// day are no longer believed, and a fetch takes 5 seconds at most.
    #[must_use]
    pub const fn of_keys(fresh: Duration) -> Self {
        Self {
            fresh,
            cooldown: Duration::from_secs(30),
            believed: Duration::from_hours(24),
            patience: Duration::from_secs(5),
        }
    }
}

/// The wait after the first failure while no value is held. It doubles with each failure, up to [`Times::cooldown`].
const FIRST_BACK_OFF: Duration = Duration::from_millis(250);

/// A first fetch that fails within this time is repeated at once: the request that waits for it needs not fail.
const QUICK: Duration = Duration::from_secs(1);

/// A value with the time that it was fetched.
#[derive(Debug)]
pub struct Cached<T> {
    /// Whose keys these are, in the log.
    of: &'static str,
    times: Times,
    /// Locked during a fetch, so that one call serves all requests that wait for it.
    held: Mutex<Held<T>>,
}

#[derive(Debug)]
struct Held<T> {
    /// When the source was last asked.
    asked: Option<Instant>,
    /// Failures since a value was last fetched.
    failures: u32,
    /// The last good value, and when it was fetched.
    good: Option<(Instant, T)>,
}

impl<T: Clone> Cached<T> {
    /// Holds nothing yet. `of` names the operation that a failed fetch is logged for.
    #[must_use]
    pub fn new(of: &'static str, times: Times) -> Self {
        Self { of, times, held: Mutex::new(Held { asked: None, failures: 0, good: None }) }
    }

    /// The value. It is fetched if it is not fresh, or if `is_enough` says that it lacks what the caller looks for; if the
    /// fetch fails, or has to wait, this is the last good value, which may still not be enough.
    ///
    /// # Errors
    /// No value is held. The error is that of the fetch, or none if that took too long, or if the last one failed only a
    /// moment ago.
    pub async fn get<E, F>(
        &self,
        is_enough: impl Fn(&T) -> bool + Send,
        fetch: impl Fn() -> F + Send,
    ) -> Result<T, Option<E>>
    where
        F: Future<Output = Result<T, E>> + Send,
    {
        let mut held = self.held.lock().await;
        if held.good.as_ref().is_some_and(|(since, _)| since.elapsed() >= self.times.believed) {
            held.good = None;
        }
        if let Some((since, good)) = &held.good
            && since.elapsed() < self.times.fresh
            && is_enough(good)
        {
            return Ok(good.clone());
        }
        let mut why = None;
        if held.may_ask(&self.times) {
            why = self.ask(&mut held, &fetch).await;
            if held.good.is_none() && held.asked.is_some_and(|asked| asked.elapsed() < QUICK) {
                sleep(FIRST_BACK_OFF).await;
                why = self.ask(&mut held, &fetch).await;
            }
        }
        held.good.as_ref().map(|(_, good)| good.clone()).ok_or(why)
    }

    /// Fetches once; why that failed, where the source says why.
    async fn ask<E, F: Future<Output = Result<T, E>>>(&self, held: &mut Held<T>, fetch: &impl Fn() -> F) -> Option<E> {
        // Before the call: a request that is cut off while it waits has asked all the same.
        held.asked = Some(Instant::now());
        let why = match timeout(self.times.patience, fetch()).await {
            Ok(Ok(value)) => {
                held.good = Some((Instant::now(), value));
                held.failures = 0;
                return None;
            }
            Ok(Err(why)) => Some(why),
            Err(_) => None,
        };
        held.failures = held.failures.saturating_add(1);
        // The request may succeed all the same, by the last good value. And a refusal doesn't tell an outage from a token
        // that names an unknown key, which anybody can send.
        tracing::warn!(operation = self.of, cause = "keys", "the keys could not be fetched");
        why
    }
}

impl<T> Held<T> {
    fn may_ask(&self, times: &Times) -> bool {
        let wait = match self.good {
            Some(_) => times.cooldown,
            None => FIRST_BACK_OFF.saturating_mul(1 << self.failures.min(16)).min(times.cooldown),
        };
        self.asked.is_none_or(|asked| asked.elapsed() >= wait)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex as StdMutex;

    use tokio::time::advance;

    use super::*;

    const TIMES: Times = Times::of_keys(Duration::from_mins(5));

    /// A cache before a source that answers these, one after the other, and then fails.
    struct Source {
        cached: Cached<&'static str>,
        answers: StdMutex<VecDeque<Result<&'static str, u16>>>,
    }

    impl Source {
        fn of(answers: &[Result<&'static str, u16>]) -> Self {
            Self { cached: Cached::new("test", TIMES), answers: StdMutex::new(answers.iter().copied().collect()) }
        }

        async fn get(&self, wanted: &str) -> Result<&'static str, Option<u16>> {
            let fetch = || std::future::ready(self.answers.lock().unwrap().pop_front().unwrap_or(Err(0)));
            self.cached.get(|value| value.contains(wanted), fetch).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_fetched_once_while_it_is_fresh() {
        let source = Source::of(&[Ok("a"), Ok("b")]);
        assert_eq!(source.get("a").await, Ok("a"));
        advance(TIMES.fresh.saturating_sub(Duration::from_secs(1))).await;
        assert_eq!(source.get("a").await, Ok("a"));
        advance(Duration::from_secs(1)).await;
        assert_eq!(source.get("a").await, Ok("b"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_asked_for_once_in_a_cooldown() {
        let source = Source::of(&[Ok("a"), Ok("a, b")]);
        assert_eq!(source.get("b").await, Ok("a"));
        assert_eq!(source.get("b").await, Ok("a"), "asked for just now");
        advance(TIMES.cooldown).await;
        assert_eq!(source.get("b").await, Ok("a, b"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_failure_is_repeated_at_once_and_then_after_short_waits() {
        let source = Source::of(&[Err(502), Ok("a")]);
        assert_eq!(source.get("a").await, Ok("a"));

        let source = Source::of(&[Err(502), Err(503), Err(504), Err(505), Ok("a")]);
        assert_eq!(source.get("a").await, Err(Some(503)));
        assert_eq!(source.get("a").await, Err(None), "asked just now");
        advance(FIRST_BACK_OFF * 4).await;
        assert_eq!(source.get("a").await, Err(Some(505)));
        advance(TIMES.cooldown).await;
        assert_eq!(source.get("a").await, Ok("a"), "no wait is longer than the cooldown");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_failure_is_not_repeated_in_the_same_request() {
        let cached = Cached::<()>::new("test", TIMES);
        let calls = StdMutex::new(0);
        let fetch = || async {
            *calls.lock().unwrap() += 1;
            sleep(QUICK).await;
            Err(())
        };
        assert_eq!(cached.get(|()| true, fetch).await, Err(Some(())));
        assert_eq!(*calls.lock().unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_hangs_is_given_up() {
        let cached = Cached::new("test", TIMES);
        let calls = StdMutex::new(0);
        let fetch = || async {
            *calls.lock().unwrap() += 1;
            if *calls.lock().unwrap() > 1 {
                std::future::pending::<()>().await;
            }
            Ok::<_, ()>("a")
        };
        assert_eq!(cached.get(|_| true, fetch).await, Ok("a"));
        advance(TIMES.fresh).await;
        let began = Instant::now();
        assert_eq!(cached.get(|_| true, fetch).await, Ok("a"), "the last good one");
        assert_eq!(began.elapsed().as_secs(), TIMES.patience.as_secs());
        assert_eq!(cached.get(|_| true, fetch).await, Ok("a"));
        assert_eq!(*calls.lock().unwrap(), 2, "and nobody waits again within the cooldown");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_good_value_outlives_an_outage_of_less_than_a_day() {
        let source = Source::of(&[Ok("a")]);
        assert_eq!(source.get("a").await, Ok("a"));
        for _ in 0..23 {
            advance(Duration::from_hours(1)).await;
            assert_eq!(source.get("a").await, Ok("a"));
        }
        advance(Duration::from_hours(1)).await;
        assert_eq!(source.get("a").await, Err(Some(0)));
        source.answers.lock().unwrap().push_back(Ok("b"));
        advance(TIMES.cooldown).await;
        assert_eq!(source.get("a").await, Ok("b"));
    }
}
