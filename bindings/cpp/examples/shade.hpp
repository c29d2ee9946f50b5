// Colours: the relief lit from the north-west, and water over it; the same as examples/flood/shade.rs, which says why.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

namespace shade {

using light = std::array<float, 3>;  // a colour in linear light
using pixel = std::array<std::uint8_t, 3>;

constexpr float visible = 0.05F;
constexpr float opaque = 0.4F;
constexpr float darkest = 6.0F;
constexpr float exaggeration = 2.2F;

inline float linear(int channel) { return std::pow(static_cast<float>(channel) / 255.0F, 2.2F); }

inline std::array<light, 5> ramp_of(const std::array<std::array<int, 3>, 5>& colours) {
    std::array<light, 5> made{};
    for (std::size_t stop = 0; stop < 5; ++stop) {
        for (std::size_t channel = 0; channel < 3; ++channel) {
            made[stop][channel] = linear(colours[stop][channel]);
        }
    }
    return made;
}

/// The colour at `at` (0 to 1) along stops at equal distances.
inline light along(const std::array<light, 5>& stops, float at) {
    const float place = std::clamp(at, 0.0F, 1.0F) * 4.0F;
    const auto first = std::min(static_cast<std::size_t>(place), std::size_t{3});
    const float part = place - static_cast<float>(first);
    light mixed{};
    for (std::size_t channel = 0; channel < 3; ++channel) {
        mixed[channel] = stops[first][channel] + (stops[first + 1][channel] - stops[first][channel]) * part;
    }
    return mixed;
}

/// A map of cells with an elevation each.
struct ground {
    std::size_t columns;
    float dx;
    float dy;
    std::span<const float> elevation;

    [[nodiscard]] float lit(std::size_t cell) const {
        const std::size_t row = cell / columns;
        const std::size_t column = cell % columns;
        const std::size_t rows = elevation.size() / columns;
        const std::size_t west = column == 0 ? 0 : column - 1;
        const std::size_t east = std::min(column + 1, columns - 1);
        const std::size_t north = row == 0 ? 0 : row - 1;
        const std::size_t south = std::min(row + 1, rows - 1);
        const auto at = [&](std::size_t r, std::size_t c) { return elevation[r * columns + c]; };
        const float across = static_cast<float>(std::max(east - west, std::size_t{1})) * dx;
        const float down = static_cast<float>(std::max(south - north, std::size_t{1})) * dy;
        const float x = -(at(row, east) - at(row, west)) / across * exaggeration;
        const float y = -(at(south, column) - at(north, column)) / down * exaggeration;
        const float length = std::sqrt(x * x + y * y + 1.0F);
        const auto from = [&](float to_x, float to_y, float up) {
            return std::max((x * to_x + y * to_y + up) / length, 0.0F);
        };
        constexpr float level = std::numbers::sqrt2_v<float> / 2.0F;
        const float sun = 0.7F * from(-0.5F, -0.5F, level) + 0.15F * from(-level, 0.0F, level) +
                          0.15F * from(0.0F, -level, level);
        return 0.12F + 0.88F * sun / level;
    }
};

/// The colour of the dry ground, cell by cell.
inline std::vector<light> relief(const ground& of) {
    static const auto colours = ramp_of({{{196, 205, 176}, {217, 213, 183}, {214, 197, 164}, {196, 174, 146}, {226, 220, 212}}});
    const auto [lowest, highest] = std::minmax_element(of.elevation.begin(), of.elevation.end());
    const float range = std::max(*highest - *lowest, 1.0F);
    std::vector<light> made(of.elevation.size());
    for (std::size_t cell = 0; cell < made.size(); ++cell) {
        made[cell] = along(colours, std::sqrt((of.elevation[cell] - *lowest) / range));
        const float bright = of.lit(cell);
        for (float& channel : made[cell]) {
            channel *= bright;
        }
    }
    return made;
}

/// Ground under `depth` metres of water, in sRGB.
inline pixel paint(light colour, float depth) {
    static const auto colours = ramp_of({{{158, 205, 228}, {99, 172, 214}, {49, 130, 189}, {16, 86, 156}, {8, 42, 100}}});
    if (depth > visible) {  // what is not a number is not painted
        const auto log = [&](float from, float to) { return std::clamp(std::log(depth / from) / std::log(to / from), 0.0F, 1.0F); };
        const light water = along(colours, log(visible, darkest));
        const float cover = 0.94F * log(visible, opaque);
        for (std::size_t channel = 0; channel < 3; ++channel) {
            colour[channel] += (water[channel] - colour[channel]) * cover;
        }
    }
    pixel made{};
    for (std::size_t channel = 0; channel < 3; ++channel) {
        const float bright = std::pow(std::clamp(colour[channel], 0.0F, 1.0F), 1.0F / 2.2F);
        made[channel] = static_cast<std::uint8_t>(std::round(bright * 255.0F));
    }
    return made;
}

}  // namespace shade
