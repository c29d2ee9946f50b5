//! Where pages are: NUMA policies, huge pages, locked memory. What the kernel refuses fails no creation.

mod common;

use common::unique;
use shm_runtime::prelude::*;
use shm_runtime::{FieldPlacement, HugePages, Numa, Placement, Segment};

/// Bytes of a huge page.
const HUGE: u64 = 2 << 20;

#[derive(Debug, ShmLayout)]
struct Inner {
    #[shm(numa = "local")]
    own: Array<u64, 8>,
    rest: Array<u64, 8>,
}

#[derive(Debug, ShmLayout)]
struct Sim {
    _start: Atomic<u64>,
    step: Atomic<u64>,
    #[shm(numa = "interleave")]
    grid: Array<f32, 1_500_000>,
    count: Atomic<u64>,
    #[shm(numa = "bind(0)")]
    inner: Inner,
    behind: Atomic<u64>,
}

fn field<'a>(placement: &'a Placement, name: &str) -> &'a FieldPlacement {
    let found = placement.fields.iter().find(|field| field.name == name);
    found.unwrap_or_else(|| panic!("`{name}` is not in {placement:?}"))
}

/// Whether this kernel keeps policies in files; a container may forbid it, and then a warning says so.
fn has_policies(warnings: &[String]) -> bool {
    let refused = warnings.iter().any(|warning| warning.starts_with("numa: "));
    if refused {
        eprintln!("not tested here: {warnings:?}");
    }
    !refused
}

#[test]
fn a_field_with_a_policy_has_pages_of_its_own() {
    let sim = Sim::create(&unique("placement-pages")).unwrap();
    let placement = Segment::placement(&sim).unwrap();
    let offset = |name| field(&placement, name).offset;
    for name in ["grid", "count", "inner.own", "inner.rest", "behind"] {
        assert_eq!(offset(name) % 4096, 0, "{name}: {placement:?}");
    }
    assert_ne!(offset("step") % 4096, 0, "nobody asked for it");
    sim.count.store(1);
    sim.inner.own.set(0, 2);
    sim.inner.rest.set(7, 3);
    sim.behind.store(4);
    assert_eq!((sim.inner.own.get(0), sim.inner.rest.get(7)), (2, 3));
    assert_eq!((sim.count.load(), sim.behind.load()), (1, 4));
}

#[test]
fn policies_are_kept_by_the_kernel_for_every_process() {
    let name = unique("placement-numa");
    let sim = Sim::options().create(&name).unwrap();
    if !has_policies(Segment::warnings(&sim)) {
        return;
    }
    let opened = Sim::options().read_only().open(&name).unwrap();
    for segment in [&sim, &opened] {
        let placement = Segment::placement(segment).unwrap();
        let numa = |name| field(&placement, name).numa;
        assert_eq!(numa("grid"), Some(Numa::Interleave));
        assert_eq!(numa("inner.own"), Some(Numa::Local), "its own wish");
        assert_eq!(
            numa("inner.rest"),
            Some(Numa::Bind(0)),
            "that of the schema around it"
        );
        for name in ["step", "count", "behind"] {
            assert_eq!(numa(name), Some(Numa::Local), "{name}");
        }
    }
    sim.grid.set(1_499_999, 2.0);
    assert_eq!(opened.grid.get(1_499_999), 2.0);
}

#[test]
fn a_segments_policy_is_its_fields_but_for_those_that_have_one() {
    let sim = Sim::options()
        .numa(Numa::Bind(0))
        .create(&unique("placement-whole"))
        .unwrap();
    if !has_policies(Segment::warnings(&sim)) {
        return;
    }
    let placement = Segment::placement(&sim).unwrap();
    assert_eq!(field(&placement, "step").numa, Some(Numa::Bind(0)));
    assert_eq!(field(&placement, "grid").numa, Some(Numa::Interleave));
}

#[test]
fn a_node_that_is_not_there_is_a_warning_that_says_which_are() {
    for node in [1000, 4_000_000_000] {
        let sim = Sim::options()
            .numa(Numa::Bind(node))
            .create(&unique("placement-absent"))
            .unwrap();
        let warnings = Segment::warnings(&sim);
        let said = warnings.iter().find(|warning| warning.contains("Bind("));
        let said = said.unwrap_or_else(|| panic!("{warnings:?}"));
        assert!(said.starts_with("numa: the kernel refused Bind("), "{said}");
        assert!(said.contains("for the segment"), "{said}");
        sim.step.store(1);
        assert_eq!(sim.step.load(), 1, "it works as without");
    }
}

#[test]
fn huge_pages_are_had_or_a_warning_says_why_not() {
    let name = unique("placement-huge");
    let sim = Sim::options()
        .huge_pages(HugePages::Collapse)
        .create(&name)
        .unwrap();
    let placement = Segment::placement(&sim).unwrap();
    let warnings = Segment::warnings(&sim);
    eprintln!(
        "{} of {} bytes huge, {warnings:?}",
        placement.huge, placement.resident
    );
    if !warnings
        .iter()
        .any(|warning| warning.starts_with("huge pages: "))
    {
        assert!(placement.huge >= HUGE, "{placement:?}");
    }
    sim.grid.set(1_000_000, 1.0);
    let opened = Sim::open(&name).unwrap();
    assert_eq!(opened.grid.get(1_000_000), 1.0);
    assert_eq!(opened.grid.get(0), 0.0, "gathered pages are zeros still");
}

#[test]
fn locked_pages_are_had_or_a_warning_names_the_limit() {
    let name = unique("placement-lock");
    let sim = Sim::options().lock().create(&name).unwrap();
    let placement = Segment::placement(&sim).unwrap();
    match Segment::warnings(&sim) {
        [] => assert!(placement.locked >= 6_000_000, "{placement:?}"),
        warnings => assert!(warnings[0].contains("RLIMIT_MEMLOCK"), "{warnings:?}"),
    }
    let opened = Sim::open(&name).unwrap();
    let other = Segment::placement(&opened).unwrap();
    assert_eq!(other.locked, 0, "each process locks for itself");
}

#[test]
fn a_prefaulted_segment_is_resident() {
    let name = unique("placement-prefault");
    let lazy = Sim::create(&name).unwrap();
    assert!(Segment::placement(&lazy).unwrap().resident < 1 << 20);
    drop(lazy);
    let sim = Sim::options().prefault(true).create(&name).unwrap();
    assert!(Segment::placement(&sim).unwrap().resident >= 6_000_000);
}
