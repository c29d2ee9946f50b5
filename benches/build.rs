//! Compiles what is in C++: the peers, if the headers of Boost are there, and the binding.

fn main() {
    println!("cargo:rerun-if-changed=src/loops.hpp");
    compile(
        "boost",
        "c++17",
        "no headers of Boost (libboost-dev): its rows are left out",
    );
    println!("cargo:rerun-if-changed=../bindings/cpp/include");
    compile(
        "cpp",
        "c++20",
        "no compiler for C++20 (g++ 11 or clang++ 14): the rows of the binding are left out",
    );
}

/// Compiles `src/NAME.cpp` and sets the `cfg` of that name, or says what is missing.
fn compile(name: &str, standard: &str, missing: &str) {
    println!("cargo:rerun-if-changed=src/{name}.cpp");
    println!("cargo:rustc-check-cfg=cfg({name})");
    let compiled = cc::Build::new()
        .cpp(true)
        .std(standard)
        .opt_level(3)
        .flag("-march=native")
        .pic(false) // as code of a program is compiled, not that of a shared library
        .flag("-fPIE")
        .flag("-w")
        .include("../bindings/cpp/include")
        .cargo_warnings(false)
        .file(format!("src/{name}.cpp"))
        .try_compile(&format!("{name}_peers"));
    match compiled {
        Ok(()) => println!("cargo:rustc-cfg={name}"),
        Err(_) => println!("cargo:warning={missing}"),
    }
}
