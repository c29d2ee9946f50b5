//! Operations that exchange nodes: they run on a lane.

use super::{
    AcqRel, Bound, Bug, Found, Intent, LINE, Own, PATIENCE, Parts, Phase, Place, Pod, Relaxed,
    Seen, Sought, State, Stop, Table, Target, bucket, bytes_of, seeded, total,
};
use crate::memory::nodes::Pairs;

/// Looks at all buckets for an empty one, each of which somebody changed.
const PASSES: usize = 1 << 10;

/// The value before, and whether it was replaced: an error where it was to stay.
pub type Replaced<V> = Result<V, V>;

/// What an attempt to claim a bucket led to.
enum Claimed<'a> {
    /// It holds the entry, which is inserting.
    Here(Target<'a>, Place<'a>),
    /// It is taken, or has nothing to give.
    Not(Place<'a>),
}

/// What a look for rivals led to.
enum Rivals<'a> {
    /// There is none: the entry may become a member.
    None,
    /// The entry is decided.
    Decided,
    /// It gave way to this one, which is inserting too.
    GaveWay(Place<'a>),
}

impl<'a, P: Parts> Table<'a, P> {
    /// The lane's parts, with this map as the place of what follows.
    #[inline(always)]
    fn enter(self, lane: usize) -> Result<Own<'a>, Stop> {
        let own = self.exchange().own(lane)?;
        own.record.enter(self.exchange().place);
        if !cfg!(test) {
            // it will be written when the look-up is over; nothing to a model but one more load
            let spare = self.index(self.exchange().spare_named(&own));
            self.0.entries().prefetch_write(spare);
        }
        Ok(own)
    }

    /// Writes an entry into the lane's spare, where nobody looks; says which node it is.
    #[inline(always)]
    fn fill(self, own: &Own<'_>, key: &P::Key, value: &P::Value) -> Result<usize, Stop> {
        self.ready(own)?;
        self.exchange().filling(); // (B)
        let spare = self.exchange().spare_named(own); // `store` checks it
        if self.0.entries().store(self.index(spare), key, value) {
            Ok(spare)
        } else {
            Err(Stop::Corrupt)
        }
    }

    /// The exchange of a bucket's node in some phase.
    #[inline(always)]
    fn target(self, phase: Phase, place: &Place<'a>) -> Target<'a> {
        Target {
            phase,
            number: bucket::number(self.buckets(), self.capacity(), place.slot, place.word),
            word: place.slot,
            at: place.at,
            old: place.word,
        }
    }

    /// Exchanges the lane's spare, which is filled, for the node of a bucket.
    #[inline(always)]
    fn put(
        self,
        own: &Own<'_>,
        target: &Target<'a>,
        print: u64,
        spare: usize,
    ) -> Result<u64, Stop> {
        let (exchange, slot) = (self.exchange(), target.word);
        let state = match target.phase {
            Phase::Insert => State::Inserting,
            _ => State::Member,
        };
        let name = exchange.name(slot, spare);
        let new = self.buckets().put(target.old, state, print, name);
        let out = exchange.node_in(slot, target.old)?;
        if exchange.swap_to(own, target, (new, out), || {}) {
            Ok(new)
        } else {
            own.record.close(Phase::Idle);
            Ok(target.old)
        }
    }

    /// Replaces the value of an entry that was found; false where it changed meanwhile.
    #[inline(always)]
    fn replace<R>(
        self,
        own: &Own<'_>,
        sought: &Sought<P::Key>,
        found: &Found<'a, R>,
        value: &P::Value,
    ) -> Result<bool, Stop> {
        let spare = self.fill(own, &sought.key, value)?;
        let target = self.target(Phase::Publish, &found.place);
        let done = self.put(own, &target, sought.print, spare)? != target.old;
        own.record.close(Phase::Idle);
        Ok(done)
    }

    /// Inserts a key or replaces its value; the value before.
    #[inline(always)]
    pub fn insert(
        self,
        lane: usize,
        key: P::Key,
        value: &P::Value,
    ) -> Result<Option<P::Value>, Stop> {
        let (own, sought) = (self.enter(lane)?, self.seek(key));
        for _ in 0..PATIENCE {
            match self.find_value(&sought)? {
                Some(found) if self.replace(&own, &sought, &found, value)? => {
                    return Ok(Some(found.value));
                }
                Some(_) => {}
                None if self.claim(&own, &sought, value)? => return Ok(None),
                None => {}
            }
        }
        Err(Stop::Corrupt)
    }

    /// Inserts a key that is not there; the value that it has if it is.
    #[inline(always)]
    pub fn add(self, lane: usize, key: P::Key, value: &P::Value) -> Result<Option<P::Value>, Stop> {
        let (own, sought) = (self.enter(lane)?, self.seek(key));
        for _ in 0..PATIENCE {
            if let Some(found) = self.find_value(&sought)? {
                return Ok(Some(found.value));
            }
            if self.claim(&own, &sought, value)? {
                return Ok(None);
            }
        }
        Err(Stop::Corrupt)
    }

    /// Replaces the value of a key that is there by what `next` makes of it; `next` gives none where it is to stay.
    #[inline(always)]
    pub fn update(
        self,
        lane: usize,
        key: P::Key,
        mut next: impl FnMut(P::Value) -> Option<P::Value>,
    ) -> Result<Option<Replaced<P::Value>>, Stop> {
        let (own, sought) = (self.enter(lane)?, self.seek(key));
        for _ in 0..PATIENCE {
            let Some(found) = self.find_value(&sought)? else {
                return Ok(None);
            };
            let Some(value) = next(found.value) else {
                return Ok(Some(Err(found.value)));
            };
            if self.replace(&own, &sought, &found, &value)? {
                return Ok(Some(Ok(found.value)));
            }
        }
        Err(Stop::Corrupt)
    }

    /// Replaces the value of a key if its bytes are those of `current`.
    #[inline(always)]
    pub fn compare_exchange(
        self,
        lane: usize,
        key: P::Key,
        current: &P::Value,
        new: &P::Value,
    ) -> Result<Option<Replaced<P::Value>>, Stop> {
        let next = |value: P::Value| same(&value, current).then_some(*new);
        self.update(lane, key, next)
    }

    /// Claims a bucket for an entry and decides it: whether the entry became a member, or lost against another.
    fn claim(self, own: &Own<'_>, sought: &Sought<P::Key>, value: &P::Value) -> Result<bool, Stop> {
        let is_rich = self.stock_up(own)?;
        let spare = self.fill(own, &sought.key, value)?;
        self.mend(sought.home);
        let Some((target, claimed)) = self.occupy(own, sought, spare, is_rich)? else {
            return Ok(false);
        };
        own.record.close(Phase::Inserted);
        let decided = self.decide(sought, claimed);
        let intent = Intent {
            phase: Phase::Inserted,
            number: target.number,
            old: target.old,
        };
        let lost = bucket::give_up(&self.exchange(), &intent);
        own.record.close(Phase::Idle);
        decided.map(|()| !lost)
    }

    /// Lowers a bound that a process left too high when it died.
    #[inline(always)]
    fn mend(self, home: usize) {
        let bound = Bound(self.bound(home).load(Relaxed)); // lowering looks again
        if bound.is_lowest() {
            return;
        }
        let end = self.place(home, bound.reach(self.capacity()));
        if self.buckets().state(end.word) == State::Empty {
            self.lower(home);
        }
    }

    /// Puts the filled spare into the first empty bucket, as an entry that is inserting; into one that has no node to
    /// give only where `is_rich`. None where all are taken, and one by the key: somebody else inserts it.
    fn occupy(
        self,
        own: &Own<'_>,
        sought: &Sought<P::Key>,
        spare: usize,
        is_rich: bool,
    ) -> Result<Option<(Target<'a>, Place<'a>)>, Stop> {
        let empty = self.buckets().empty();
        let claim = |distance, changes: &mut usize| {
            let mut place = self.place(sought.home, distance);
            while empty.fits(place.word) && (is_rich || self.gives(&place)) {
                let target = self.target(Phase::Insert, &place);
                let word = self.put(own, &target, sought.print, spare)?;
                if word != target.old {
                    return Ok(Claimed::Here(target, Place { word, ..place }));
                }
                place.word = place.at.load(Relaxed); // lost to somebody else's success; the exchange compares it
                *changes += 1;
                if *changes > PATIENCE {
                    return Err(Stop::Corrupt);
                }
            }
            Ok(Claimed::Not(place))
        };
        let mut changes = 0;
        for step in 0..self.capacity().div_ceil(LINE) {
            let mut free = self.glance_now(&self.line(sought.home, step), empty);
            while free != 0 {
                let distance = step * LINE + free.trailing_zeros() as usize;
                if let Claimed::Here(target, place) = claim(distance, &mut changes)? {
                    return Ok(Some((target, place)));
                }
                free &= free - 1;
            }
        }
        if seeded(Bug::FullAfterOnePass) {
            return Err(Stop::Full { pending: false });
        }
        self.occupy_last(sought, claim)
    }

    /// As [`Self::occupy`], where one look found nothing: "full" has to be certain.
    #[cold]
    #[inline(never)]
    fn occupy_last(
        self,
        sought: &Sought<P::Key>,
        mut claim: impl FnMut(usize, &mut usize) -> Result<Claimed<'a>, Stop>,
    ) -> Result<Option<(Target<'a>, Place<'a>)>, Stop> {
        let buckets = self.buckets();
        let (mut last, mut changes) = (None, 0);
        for _ in 0..PASSES {
            let (mut versions, mut pending) = (0_u64, false);
            for distance in 0..self.capacity() {
                let place = match claim(distance, &mut changes)? {
                    Claimed::Here(target, place) => return Ok(Some((target, place))),
                    Claimed::Not(place) => place,
                };
                if last.is_some() && self.has_come(sought, &place)? {
                    return Ok(None);
                }
                versions = versions.wrapping_add(buckets.version(place.word));
                let state = buckets.state(place.word);
                pending |= matches!(state, State::Inserting | State::Collided);
            }
            // Versions only grow: the same sum twice, so between the two looks no bucket would do, and none had the key.
            if last == Some(versions) {
                return Err(Stop::Full { pending });
            }
            last = Some(versions);
        }
        Err(Stop::Corrupt)
    }

    /// Whether a bucket has the key, which was not there before, or has changed: then it is worth to look for it again.
    /// Who is inserting it is helped, because an insertion in progress is no reason not to replace it.
    fn has_come(self, sought: &Sought<P::Key>, place: &Place<'a>) -> Result<bool, Stop> {
        let now = self.buckets().unpack(place.word);
        let is_there = matches!(now.state, State::Member | State::Inserting);
        if !is_there || now.print != sought.print || seeded(Bug::FullBesideTheKey) {
            return Ok(false);
        }
        match self.examine(place, &sought.key, |_, _| Some(()))? {
            Seen::Other => return Ok(false),
            Seen::Same(()) if now.state == State::Inserting => self.decide(sought, *place)?,
            _ => {}
        }
        Ok(true)
    }

    /// Decides an entry that is inserting, or that it gave way to. Anybody may run it.
    fn decide(self, sought: &Sought<P::Key>, mut entry: Place<'a>) -> Result<(), Stop> {
        for _ in 0..=self.capacity() {
            self.raise(sought.home, entry.distance);
            match self.rivals(sought, &entry)? {
                Rivals::None => {
                    self.turn(&entry, State::Member);
                    return Ok(());
                }
                Rivals::Decided => return Ok(()),
                Rivals::GaveWay(winner) => entry = winner, // nearer to the home each time
            }
        }
        Err(Stop::Corrupt)
    }

    /// Looks for others of the key within the bound, and lets one win against each.
    fn rivals(self, sought: &Sought<P::Key>, entry: &Place<'a>) -> Result<Rivals<'a>, Stop> {
        let alike = self.buckets().alike(sought.print);
        let reach = self.bound_now(sought.home).reach(self.capacity());
        let mut changes = 0;
        for step in 0..=reach / LINE {
            let mut seen = self.glance_now(&self.line(sought.home, step), alike);
            while seen != 0 && !seeded(Bug::NoRivals) {
                let distance = step * LINE + seen.trailing_zeros() as usize;
                if distance > reach {
                    break;
                }
                let place = self.place(sought.home, distance);
                let state = self.buckets().state(place.word);
                let is_member = state == State::Member;
                let alive = is_member || state == State::Inserting;
                if distance == entry.distance || !alive || !alike.fits(place.word) {
                    seen &= seen - 1;
                    continue;
                }
                match self.examine(&place, &sought.key, |_, _| Some(()))? {
                    Seen::Other => seen &= seen - 1,
                    Seen::Changed => changes += 1,
                    Seen::Same(()) if is_member => {
                        self.turn(entry, defeated());
                        return Ok(Rivals::Decided);
                    }
                    Seen::Same(()) if distance < entry.distance => {
                        self.turn(entry, defeated());
                        return Ok(Rivals::GaveWay(place));
                    }
                    Seen::Same(()) => {
                        // a hint: who is defeated for an entry that lost begins again
                        if entry.at.load(Relaxed) != entry.word {
                            return Ok(Rivals::Decided);
                        }
                        self.turn(&place, defeated());
                        changes += 1; // the same bucket again: it may be a member by now
                        if seeded(Bug::OnePass) {
                            seen &= seen - 1;
                        }
                    }
                }
                if changes > PATIENCE {
                    return Err(Stop::Corrupt);
                }
            }
        }
        Ok(Rivals::None)
    }

    /// Sees to it that a distance is within the bound of its home, and will be.
    #[inline(always)]
    fn raise(self, home: usize, distance: usize) {
        let at = self.bound(home);
        for _ in 0..PATIENCE {
            let bound = self.bound_now(home);
            let within = bound.reach(self.capacity()) >= distance;
            if within && !bound.is_scanning() || seeded(Bug::NoRaise) {
                return;
            }
            let raised = bound.raised(distance);
            let both = total(Bug::UnorderedRaise, AcqRel); // before the looks of `rivals`
            let done = at.compare_exchange(bound.0, raised.0, both, Relaxed);
            if done.is_ok() {
                return;
            }
        }
    }
}

/// What a defeated entry becomes. Its bucket stays occupied until its owner has seen that it lost.
fn defeated() -> State {
    if seeded(Bug::FreeLoser) {
        State::Empty
    } else {
        State::Collided
    }
}

/// Whether two values are the same bytes.
#[inline(always)]
fn same<T: Pod>(left: &T, right: &T) -> bool {
    bytes_of(left) == bytes_of(right)
}
