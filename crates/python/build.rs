//! What linkers other than Linux's need for a library whose other half is the interpreter.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
