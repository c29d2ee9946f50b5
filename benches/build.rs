//! Compiles the peers in C++, if the headers of Boost are there.

fn main() {
    println!("cargo:rerun-if-changed=src/boost.cpp");
    println!("cargo:rustc-check-cfg=cfg(boost)");
    let compiled = cc::Build::new()
        .cpp(true)
        .std("c++17")
        .opt_level(3)
        .flag("-march=native")
        .flag("-w")
        .cargo_warnings(false)
        .file("src/boost.cpp")
        .try_compile("boost_peers");
    match compiled {
        Ok(()) => println!("cargo:rustc-cfg=boost"),
        Err(_) => {
            println!("cargo:warning=no headers of Boost (libboost-dev): its rows are left out")
        }
    }
}
