//! Order for the few entries that most have here: a map and a set, and lists.
//!
//! What std has for that is made for millions, and compiled again for each type: it was a sixth of the code
//! of this crate.

use std::borrow::Borrow;
use std::cmp::Ordering;

/// Sorts a short list. Equal items keep their order.
pub(crate) fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let mut sorted: Vec<T> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        let place = sorted.partition_point(|before| compare(before, &item).is_le());
        sorted.insert(place, item);
    }
    *items = sorted;
}

/// Sorts a short list by what `key` returns for each item. Equal items keep their order.
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    sort_by(items, |one, other| key(one).cmp(&key(other)));
}

/// A map in the order of its keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> SortedMap<K, V> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|place| &self.0[place].1)
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// Returns false if the map had the key before. Its value is replaced.
    pub(crate) fn insert(&mut self, key: K, value: V) -> bool {
        let place = self.place(&key);
        match place {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (key, value)),
        }
        place.is_err()
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Ok(place) = self.place(key) {
            self.0.remove(place);
        }
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A set in the order of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortedSet<T>(SortedMap<T, ()>);

impl<T: Ord> SortedSet<T> {
    pub(crate) const fn new() -> Self {
        Self(SortedMap::new())
    }

    /// Returns false if the set had it before.
    pub(crate) fn insert(&mut self, member: T) -> bool {
        self.0.insert(member, ())
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, member: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.contains_key(member)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.keys()
    }
}

impl<T: Ord> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        Self(members.into_iter().map(|member| (member, ())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_items_keep_their_order() {
        let mut items = vec![(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd')];
        sort_by_key(&mut items, |(number, _)| *number);
        assert_eq!(items, [(1, 'b'), (1, 'd'), (2, 'a'), (2, 'c')]);
    }

    #[test]
    fn a_map_has_each_key_once_and_in_order() {
        let mut map = SortedMap::from_iter([("b", 1), ("a", 2), ("b", 3)]);
        assert!(map.insert("c", 4) && !map.insert("a", 5));
        assert_eq!(map.iter().collect::<Vec<_>>(), [(&"a", &5), (&"b", &3), (&"c", &4)]);
        map.remove("b");
        map.remove("x");
        assert_eq!((map.get("a"), map.get("b"), map.contains_key("c")), (Some(&5), None, true));
        assert_eq!(map.into_iter().collect::<Vec<_>>(), [("a", 5), ("c", 4)]);
    }

    #[test]
    fn a_set_has_each_member_once_and_in_order() {
        let mut set = SortedSet::from_iter([3, 1, 3]);
        assert!(set.insert(2) && !set.insert(1) && set.contains(&3) && !set.is_empty());
        assert_eq!(set.iter().collect::<Vec<_>>(), [&1, &2, &3]);
    }
}
