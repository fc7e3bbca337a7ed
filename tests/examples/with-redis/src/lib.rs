//! A limit on attempts to log in, which Redis counts. The tests are in `tests/limit.rs`.

use redis::{Commands, Connection, RedisResult};

/// Counts an attempt, and returns true if the user may make it.
pub fn may_log_in(redis: &mut Connection, user: &str) -> RedisResult<bool> {
    let attempts: u32 = redis.incr(format!("attempts:{user}"), 1)?;
    Ok(attempts <= 3)
}
