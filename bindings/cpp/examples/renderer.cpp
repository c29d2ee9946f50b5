// The renderer of the flood (examples/flood), in C++ on the headers of this binding: it says how the water stands while it
// moves, and saves the picture at the end.
//
//     g++ -std=c++20 -O2 -pthread -I bindings/cpp/include bindings/cpp/examples/renderer.cpp -o renderer
//     cargo run --release --example flood -- --renderer ./renderer
//
// The program that starts it says which segment and where the picture goes, and holds the other end of its standard
// input: when that ends, this ends. Killed, it is started again and goes on. `flood.hpp` was written by `shm gen cpp flood`.
#include "flood.hpp"
#include "png.hpp"
#include "shade.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <unistd.h>

using namespace std::chrono_literals;
using flood_shm::Flood;
using flood_shm::Telemetry;
using shm::u32;
using shm::u64;

namespace {

constexpr std::size_t columns = 1000;
constexpr std::size_t cells = 1'000'000;
constexpr u32 run_ended = 7;
/// Metres of a cell: see examples/flood/terrain.rs.
constexpr double degree = 111'200.0;
const double dy = 344.0 / 1200.0 * degree / 1000.0;
const double dx = 403.0 / 1200.0 * degree * std::cos(36.589585 * std::numbers::pi / 180.0) / 1000.0;

/// The value of a call; ends the program where there is none, and says why.
template <class Outcome>
auto must(Outcome outcome) {
    if (!outcome.has_value()) {
        std::fprintf(stderr, "renderer: %s\n", outcome.error().message().c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<typename Outcome::value_type>) {
        return std::move(*outcome);
    }
}

/// Whether the program that started this one is still there: it holds the other end of standard input.
class lifeline {
  public:
    lifeline() {
        std::thread([] {
            char byte = 0;
            while (::read(STDIN_FILENO, &byte, 1) > 0) {
            }
            cut.store(true);
        }).detach();
    }

    /// Waits, or less where the program goes meanwhile; whether it is there.
    [[nodiscard]] bool rest(std::chrono::milliseconds time) const {
        for (const auto end = std::chrono::steady_clock::now() + time; !cut.load();) {
            if (std::chrono::steady_clock::now() >= end) {
                return true;
            }
            std::this_thread::sleep_for(5ms);
        }
        return false;
    }

  private:
    static inline std::atomic<bool> cut = false;
};

/// Hears every step, from where a renderer that was killed was; what was overwritten meanwhile is counted.
class listener {
  public:
    explicit listener(const Flood& in) : of(&in), from(must(in.telemetry.subscribe(true))) {
        const u64 before = must(in.renderer.position.load());
        if (from.position() > before) {
            must(in.renderer.missed.fetch_add(from.position() - before));
        }
        while (from.position() < before && from.recv()) {
        }
    }

    /// Hears what there is; the last of it.
    void hear(Telemetry& step) {
        for (;;) {
            const u64 missed = from.missed();
            const auto heard = from.recv();
            must(of->renderer.missed.fetch_add(from.missed() - missed));
            must(of->renderer.position.store(from.position()));
            if (heard) {
                step = *heard;
            } else if (!(heard.error() == shm::reason::outrun)) {
                return;
            }
        }
    }

  private:
    const Flood* of;
    shm::broadcast<Telemetry, 1024>::subscriber from;
};

/// Whether the last checkpoint says that the run is over. It may be another one's by the second look: asked again then.
bool is_over(const Flood& flood) {
    const u64 committed = must(flood.committed.load());
    const u32 phase = must(committed % 2 == 0 ? flood.even.phase.load() : flood.odd.phase.load());
    return committed > 0 && phase == run_ended && must(flood.committed.load()) == committed;
}

bool save(const std::string& path, std::span<const float> elevation, std::span<const float> depth) {
    const shade::ground ground{columns, static_cast<float>(dx), static_cast<float>(dy), elevation};
    const auto relief = shade::relief(ground);
    std::vector<std::uint8_t> pixels;
    pixels.reserve(3 * cells);
    for (std::size_t cell = 0; cell < cells; ++cell) {
        const auto pixel = shade::paint(relief[cell], depth[cell]);
        pixels.insert(pixels.end(), pixel.begin(), pixel.end());
    }
    return png::save(path, columns, pixels);
}

int play(const std::string& segment, const std::string& path) {
    const lifeline line;
    const auto opened = must(shm::segment<Flood>::open(segment));
    const Flood& flood = *opened;
    while (must(flood.prepared.load()) == 0) {
        if (!line.rest(20ms)) {
            return 0;
        }
    }
    std::vector<float> elevation(cells);
    std::vector<float> depth(cells);
    must(flood.terrain.read_into(0, elevation));
    listener telemetry(flood);
    Telemetry step{};
    for (bool ended = false; !ended;) {
        // Asked first: what is drawn after it was true is the end.
        ended = is_over(flood) && flood.frame.version() == must(flood.committed.load());
        must(flood.frame.read_into(depth));
        telemetry.hear(step);
        if (::isatty(STDOUT_FILENO) != 0) {
            std::printf("\r%6.1f of %.1f min  flooded %.1f km2  deepest %.1f m  step %llu\x1b[K", step.time / 60,
                        must(flood.run_end.load()) / 60, must(flood.flooded_area.load()), step.deepest,
                        static_cast<unsigned long long>(step.step));
            std::fflush(stdout);
        }
        if (!ended && !line.rest(200ms)) {
            return 0;
        }
    }
    if (!save(path, elevation, depth)) {
        std::fprintf(stderr, "renderer: cannot save %s\n", path.c_str());
        return 1;
    }
    must(flood.pictures.fetch_add(1));
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    std::string segment = "flood";
    std::string path = "flood.png";
    for (int i = 1; i + 1 < count; ++i) {
        if (std::string(arguments[i]) == "--segment") {
            segment = arguments[i + 1];
        } else if (std::string(arguments[i]) == "--out") {
            path = arguments[i + 1];
        }
    }
    return play(segment, path);
}
