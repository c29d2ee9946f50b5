//! The picture: the map as a PNG file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::flood::shade::{Relief, paint};
use crate::flood::terrain::Terrain;

/// Writes the map with its water to `path`. The file appears complete or not at all: it is written
/// under another name beside it first, so that a kill leaves no torn picture.
pub(crate) fn save(
    path: &Path,
    terrain: &Terrain,
    relief: &Relief,
    depth: &[f32],
) -> io::Result<()> {
    let pixels: Vec<u8> = depth
        .iter()
        .enumerate()
        .flat_map(|(cell, &depth)| paint(relief.at(cell), depth, 1.0))
        .collect();
    let draft = path.with_extension("png.part");
    let mut file = BufWriter::new(File::create(&draft)?);
    let mut encoder = png::Encoder::new(&mut file, terrain.columns as u32, terrain.rows as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    file.flush()?;
    std::fs::rename(draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_png_of_the_map() {
        let terrain = Terrain {
            rows: 2,
            columns: 3,
            dx: 1.0,
            dy: 1.0,
            elevation: vec![0.0; 6],
        };
        let path = std::env::temp_dir().join(format!("flood-picture-{}.png", std::process::id()));
        save(
            &path,
            &terrain,
            &Relief::of(&terrain),
            &[0.0, 0.1, 1.0, 2.0, 4.0, 8.0],
        )
        .unwrap();
        let file = io::BufReader::new(File::open(&path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height, pixels.len()), (3, 2, 18));
        std::fs::remove_file(path).unwrap();
    }
}
