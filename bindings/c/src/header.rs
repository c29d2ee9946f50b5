//! `include/shm.h` and the functions of this crate agree: names, parameters, results, statuses, kinds.

use crate::field::KINDS;
use crate::status::Status;
use std::collections::BTreeMap;

const HEADER: &str = include_str!("../include/shm.h");

const SOURCES: [&str; 13] = [
    include_str!("array.rs"),
    include_str!("broadcast.rs"),
    include_str!("field.rs"),
    include_str!("frames.rs"),
    include_str!("list.rs"),
    include_str!("map.rs"),
    include_str!("number.rs"),
    include_str!("pool.rs"),
    include_str!("queue.rs"),
    include_str!("segment.rs"),
    include_str!("spsc.rs"),
    include_str!("sync.rs"),
    include_str!("versioned.rs"),
];

/// Types of parameters and results, in C and here.
const TYPES: [(&str, &[&str]); 27] = [
    ("shm_segment *", &["Ref<Segment>"]),
    ("shm_field *", &["Ref<Field>"]),
    ("shm_loan *", &["Ref<Loan>"]),
    ("shm_taken *", &["Ref<Taken>"]),
    ("shm_producer *", &["Ref<Producer>"]),
    ("shm_consumer *", &["Ref<Consumer>"]),
    ("shm_subscriber *", &["Ref<Subscriber>"]),
    ("shm_lease *", &["Ref<Lease>"]),
    ("shm_writer *", &["Ref<Writer>"]),
    ("shm_lock *", &["Ref<Lock>"]),
    ("shm_permit *", &["Ref<Permit>"]),
    ("const void *", &["In"]),
    ("void *", &["Out", "Context"]),
    ("void **", &["Set<*mut c_void>"]),
    ("const char *", &["Text", "*const c_char"]),
    ("size_t", &["Size", "usize"]),
    ("size_t *", &["Set<usize>"]),
    ("uint64_t", &["u64"]),
    ("uint64_t *", &["Set<u64>"]),
    ("int", &["i32"]),
    ("int *", &["Set<c_int>"]),
    ("const shm_options *", &["Given<Options>"]),
    ("shm_field_info *", &["Set<Info>"]),
    ("shm_health *", &["Set<Health>"]),
    ("shm_change", &["Change"]),
    ("shm_visit_entry", &["VisitEntry"]),
    ("shm_visit_key", &["VisitKey"]),
];

/// A function: its result, and its parameters' types.
type Functions = BTreeMap<String, (String, Vec<String>)>;

/// The header without comments and directives.
fn declarations() -> String {
    let mut text = String::new();
    for (i, part) in HEADER.split("/*").enumerate() {
        let code = if i == 0 {
            part
        } else {
            part.split_once("*/").unwrap().1
        };
        text += code;
    }
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.to_owned() + " ").collect()
}

/// A parameter or result in C, without its name: `const` before handles says nothing here.
fn c_type(declared: &str) -> String {
    let declared = declared.trim();
    let name = declared.rfind(|c: char| !c.is_alphanumeric() && c != '_');
    let of = declared[..=name.unwrap()].trim();
    let is_handle = TYPES
        .iter()
        .any(|(c, rust)| rust[0].starts_with("Ref<") && of.strip_prefix("const ") == Some(*c));
    let of = if is_handle { &of["const ".len()..] } else { of };
    of.to_owned()
}

fn declared() -> Functions {
    let text = declarations();
    let functions = text.split(';').filter_map(|statement| {
        let statement = statement.rsplit(['{', '}']).next().unwrap().trim();
        let (head, parameters) = statement.strip_suffix(')')?.split_once('(')?;
        if head.starts_with("typedef") {
            return None;
        }
        let start = head.rfind("shm_").unwrap();
        let parameters: Vec<_> = match parameters {
            "void" => Vec::new(),
            parameters => parameters.split(',').map(c_type).collect(),
        };
        Some((head[start..].to_owned(), (c_type(head), parameters)))
    });
    functions.collect()
}

fn exported() -> Functions {
    let mut functions = Functions::new();
    for source in SOURCES {
        for function in source.split("\n    fn shm_").skip(1) {
            let (name, rest) = function.split_once('(').unwrap();
            let (parameters, rest) = rest.split_once(')').unwrap();
            let of = |parameter: &str| Some(parameter.split_once(':')?.1.trim().to_owned());
            let parameters = parameters.split(',').filter_map(of).collect();
            let result = match rest.trim_start().strip_prefix("->") {
                Some(result) => result.split_once(',').unwrap().0.trim(),
                None => "shm_status",
            };
            let before = functions.insert(format!("shm_{name}"), (result.to_owned(), parameters));
            assert!(before.is_none(), "shm_{name} is there twice");
        }
    }
    functions
}

/// Whether a type in C is one of ours.
fn is_same(c: &str, rust: &str) -> bool {
    let given = |c: &str, rust: &str| {
        let known = TYPES.iter().find(|(known, _)| *known == c);
        known.is_some_and(|(_, names)| names.contains(&rust))
    };
    let is_new_handle = || {
        let handle = rust.strip_prefix("Put<")?.strip_suffix('>')?;
        let c = c.strip_suffix('*')?;
        Some(given(c, &format!("Ref<{handle}>")))
    };
    let is_enum = matches!(c, "shm_fetch" | "shm_start") && rust == "i32";
    let is_once = c == "shm_run_once" && rust == "RunOnce";
    is_enum || is_once || c == rust || given(c, rust) || is_new_handle() == Some(true)
}

/// What is wrong with the header, a line each.
fn differences(declared: &Functions, exported: &Functions) -> Vec<String> {
    let mut found = Vec::new();
    for (name, (result, parameters)) in exported {
        let Some((c_result, c_parameters)) = declared.get(name) else {
            found.push(format!("{name} is exported and not declared"));
            continue;
        };
        let same = c_parameters.len() == parameters.len()
            && c_parameters
                .iter()
                .zip(parameters)
                .all(|(c, rust)| is_same(c, rust))
            && is_same(c_result, result);
        if !same {
            found.push(format!(
                "{name}: {c_result} {c_parameters:?} in C, {result} {parameters:?} in Rust"
            ));
        }
    }
    let missing = declared.keys().filter(|name| !exported.contains_key(*name));
    found.extend(missing.map(|name| format!("{name} is declared and not exported")));
    found
}

#[test]
fn the_header_declares_what_is_exported() {
    let (declared, exported) = (declared(), exported());
    assert!(
        declared.len() > 100,
        "{} functions are found",
        declared.len()
    );
    let found = differences(&declared, &exported);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_header_that_differs_is_noticed() {
    let (right, exported) = (declared(), exported());
    let change = |change: &dyn Fn(&mut Functions)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        differences(&wrong, &exported).len()
    };
    let push = "shm_queue_push".to_owned();
    assert_eq!(change(&|wrong| drop(wrong.remove(&push))), 1);
    assert_eq!(
        change(&|wrong| wrong.get_mut(&push).unwrap().1[1] = "void *".to_owned()),
        1
    );
    assert_eq!(
        change(&|wrong| drop(wrong.get_mut(&push).unwrap().1.pop())),
        1
    );
    assert_eq!(
        change(&|wrong| wrong.get_mut(&push).unwrap().0 = "int".to_owned()),
        1
    );
    assert_eq!(
        change(&|wrong| drop(wrong.insert("shm_new_one".to_owned(), right[&push].clone()))),
        1
    );
}

/// The constants of the header with their values, one for each line that has one.
fn constants() -> Vec<(String, i64)> {
    let text = declarations();
    let enums = text.split("typedef enum").skip(1);
    let constants = enums.flat_map(|text| {
        let inside = text.split_once('{').unwrap().1.split_once('}').unwrap().0;
        inside.split(',').map(|constant| {
            let (name, value) = constant.split_once('=').unwrap();
            (name.trim().to_owned(), value.trim().parse().unwrap())
        })
    });
    constants.collect()
}

#[test]
fn the_header_has_the_statuses_and_kinds() {
    let constants = constants();
    let starting = |prefix: &str| -> Vec<_> {
        constants
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .cloned()
            .collect()
    };
    let kinds: Vec<_> = KINDS
        .iter()
        .map(|(name, value, _)| (format!("SHM_KIND_{name}"), i64::from(*value)))
        .collect();
    assert_eq!(starting("SHM_KIND_"), kinds);
    let is_status = |name: &str| {
        let other = ["SHM_KIND_", "SHM_FETCH_", "SHM_NEWEST", "SHM_OLDEST"];
        !other.iter().any(|prefix| name.starts_with(prefix))
    };
    let in_c: Vec<_> = constants
        .iter()
        .filter(|(name, _)| is_status(name))
        .cloned()
        .collect();
    let here: Vec<_> = Status::NAMES
        .iter()
        .map(|(name, value)| (name.to_str().unwrap().to_owned(), i64::from(*value)))
        .collect();
    assert_eq!(in_c, here);
}
