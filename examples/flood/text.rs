//! Numbers as people read them.

/// Seconds as hours, minutes and seconds.
pub(crate) fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A small number in scientific notation, its exponent of two digits: `2.9e-08`.
pub(crate) fn scientific(number: f64) -> String {
    let text = format!("{:.1e}", number.abs());
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// A whole number in groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Numbers from zero to their largest as a line of `width` blocks, each as high as the largest of
/// its share.
pub(crate) fn sparkline(numbers: &[f32], width: usize) -> String {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = |part: &[f32]| part.iter().copied().fold(0.0, f32::max);
    let scale = (BLOCKS.len() - 1) as f32 / highest(numbers).max(f32::MIN_POSITIVE);
    let part = numbers.len().div_ceil(width).max(1);
    let block = |part| BLOCKS[((highest(part) * scale).round() as usize).min(BLOCKS.len() - 1)];
    numbers.chunks(part).map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(clock(3725.4), "01:02:05");
        assert_eq!(scientific(-2.86e-8), "2.9e-08");
        assert_eq!(scientific(0.0), "0.0e+00");
        assert_eq!(scientific(1.5e-12), "1.5e-12");
        assert_eq!(sparkline(&[0.0, 1.0, 2.0, 4.0, 3.0, 0.1], 6), " ▂▄█▆ ");
        assert_eq!(sparkline(&[0.0, 1.0, 2.0, 4.0], 2), "▂█");
        assert_eq!(sparkline(&[0.0; 4], 4), "    ");
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }
}
