//! Which members wait for which, and doing something for each in that order.

use std::collections::BTreeSet;
use std::thread;

use parking_lot::{Condvar, Mutex};

/// That one member names or needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) member: usize,
    pub(super) other: usize,
    /// It cannot start before the other is ready. Otherwise both may start together.
    pub(super) is_strict: bool,
}

/// For each member, the ones that have to come before it.
#[derive(Clone, Debug)]
pub(super) struct Order(Vec<Vec<usize>>);

impl Order {
    /// Puts members in order. Those that name each other come together, unless a need is strict.
    ///
    /// # Errors
    ///
    /// Fails with the members of a circle of strict needs, each of which needs the next.
    pub(super) fn new(count: usize, needs: &[Need]) -> Result<Self, Vec<usize>> {
        let all = Self::of(count, needs.iter());
        let is_mutual = |need: &Need| all.comes_before(need.member, need.other);
        let strict = |need: &&Need| need.is_strict || !is_mutual(need);
        let order = Self::of(count, needs.iter().filter(strict));
        match (0..count).find_map(|member| order.circle(member)) {
            Some(circle) => Err(circle),
            None => Ok(order),
        }
    }

    fn of<'a>(count: usize, needs: impl Iterator<Item = &'a Need>) -> Self {
        let mut before = vec![BTreeSet::new(); count];
        for need in needs {
            before[need.member].insert(need.other);
        }
        Self(before.into_iter().map(|others| others.into_iter().collect()).collect())
    }

    /// Returns true if `member` has to come before `other`, or before one that has to.
    fn comes_before(&self, member: usize, other: usize) -> bool {
        self.path(other, member).is_some()
    }

    /// Returns the members of a circle that this one is in.
    fn circle(&self, member: usize) -> Option<Vec<usize>> {
        self.0[member].iter().find_map(|other| {
            let path = self.path(*other, member)?;
            Some(std::iter::once(member).chain(path).collect())
        })
    }

    /// Returns the way from a member to one that has to come before it.
    fn path(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut seen = vec![false; self.0.len()];
        let mut paths = vec![vec![from]];
        while let Some(path) = paths.pop() {
            let last = *path.last()?;
            if last == to {
                return Some(path);
            }
            if !std::mem::replace(&mut seen[last], true) {
                paths.extend(self.0[last].iter().map(|next| [path.as_slice(), &[*next]].concat()));
            }
        }
        None
    }

    /// Returns what has to come before a member.
    pub(super) fn before(&self, member: usize) -> &[usize] {
        &self.0[member]
    }

    /// Returns the order in which to undo what was done in this order.
    pub(super) fn reversed(&self) -> Self {
        let mut after = vec![Vec::new(); self.0.len()];
        for (member, others) in self.0.iter().enumerate() {
            others.iter().for_each(|other| after[*other].push(member));
        }
        Self(after)
    }

    /// Calls `act` for each member, on a thread of its own, when it has returned true for all that come
    /// before. Returns when there is nothing left to call it for.
    pub(super) fn for_each(&self, act: impl Fn(usize) -> bool + Sync) {
        let outcomes = Outcomes::new(self.0.len());
        thread::scope(|scope| {
            for (member, before) in self.0.iter().enumerate() {
                let (outcomes, act) = (&outcomes, &act);
                let run = move || {
                    let unfinished = Unfinished(outcomes, member);
                    let succeeded = outcomes.wait(before) && act(member);
                    outcomes.set(member, succeeded);
                    drop(unfinished);
                };
                let thread = thread::Builder::new().name("mirakuru-stack".to_owned());
                if thread.spawn_scoped(scope, run).is_err() {
                    outcomes.set(member, false);
                }
            }
        });
    }
}

/// What `act` has returned for each member so far.
struct Outcomes {
    known: Mutex<Vec<Option<bool>>>,
    changed: Condvar,
}

impl Outcomes {
    fn new(count: usize) -> Self {
        Self { known: Mutex::new(vec![None; count]), changed: Condvar::new() }
    }

    /// Waits for all of these, or for one that failed. Returns true if none did.
    fn wait(&self, members: &[usize]) -> bool {
        let mut known = self.known.lock();
        loop {
            let mut outcomes = members.iter().map(|member| known[*member]);
            if outcomes.clone().any(|outcome| outcome == Some(false)) {
                return false;
            }
            if outcomes.all(|outcome| outcome.is_some()) {
                return true;
            }
            self.changed.wait(&mut known); // Each member ends within its own time limits.
        }
    }

    fn set(&self, member: usize, succeeded: bool) {
        self.known.lock()[member].get_or_insert(succeeded);
        self.changed.notify_all();
    }
}

/// Counts a member as failed if it panics: others would wait for it for ever.
struct Unfinished<'a>(&'a Outcomes, usize);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.set(self.1, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(needs: &[(usize, usize)], is_strict: bool) -> Vec<Need> {
        needs.iter().map(|&(member, other)| Need { member, other, is_strict }).collect()
    }

    /// Returns the order in which all were done.
    fn done(order: &Order) -> Vec<usize> {
        let done = Mutex::new(Vec::new());
        order.for_each(|member| {
            done.lock().push(member);
            true
        });
        done.into_inner()
    }

    #[test]
    fn what_a_member_needs_comes_before_it_and_ends_after_it() {
        let order = Order::new(4, &needs(&[(0, 1), (1, 2), (2, 3)], false)).unwrap();
        assert_eq!(done(&order), [3, 2, 1, 0]);
        assert_eq!(done(&order.reversed()), [0, 1, 2, 3]);
    }

    #[test]
    fn members_that_name_each_other_come_together() {
        // 0, 1 and 2 are a cluster, which 3 uses.
        let named = needs(&[(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (3, 0)], false);
        let order = Order::new(4, &named).unwrap();
        assert_eq!(order.0, [vec![], vec![], vec![], vec![0]]);
    }

    #[test]
    fn a_strict_need_among_members_that_name_each_other_is_kept() {
        let all = [needs(&[(0, 1)], true), needs(&[(1, 0)], false)].concat();
        assert_eq!(Order::new(2, &all).unwrap().0, [vec![1], vec![]]);
    }

    #[test]
    fn a_circle_of_strict_needs_is_refused_by_its_members() {
        let circle = Order::new(4, &needs(&[(0, 1), (1, 2), (2, 3), (3, 1)], true)).unwrap_err();
        assert_eq!(circle, [1, 2, 3, 1]);
        assert_eq!(Order::new(1, &needs(&[(0, 0)], true)).unwrap_err(), [0, 0]);
    }

    #[test]
    fn what_needs_one_that_failed_is_left_out_and_others_are_not() {
        let order = Order::new(4, &needs(&[(1, 0), (2, 1)], true)).unwrap();
        let called = Mutex::new(BTreeSet::new());
        order.for_each(|member| {
            called.lock().insert(member);
            member != 0
        });
        assert_eq!(called.into_inner(), BTreeSet::from([0, 3]));
    }

    #[test]
    fn a_panic_is_passed_on_and_nothing_waits_for_ever() {
        let order = Order::new(2, &needs(&[(1, 0)], true)).unwrap();
        let panicked = std::panic::catch_unwind(|| order.for_each(|_| panic!("on purpose")));
        assert!(panicked.is_err());
    }
}
