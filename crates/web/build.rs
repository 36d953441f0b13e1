//! The app is embedded as `./dev build` leaves it in `app/dist`: a new one makes a new binary.

fn main() {
    println!("cargo:rerun-if-changed=app/dist");
}
