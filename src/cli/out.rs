//! Lines for whoever watches. Nobody reads on (`| head`) is no fault: what was begun goes to its end, and `println!` would panic there.

/// A line on standard error.
macro_rules! say {
    ($($text:tt)*) => {{
        let line = format!("{}\n", format_args!($($text)*));
        let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), line.as_bytes());
    }};
}

/// A text on standard output, as it is.
macro_rules! put {
    ($($text:tt)*) => {{
        let text = format!($($text)*);
        let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes());
    }};
}
