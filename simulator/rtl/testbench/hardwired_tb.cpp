// Testbench of hard-wired neurons: gives limen_chip a window a cycle and compares what every layer makes of it.
// Needs Verilator's model of limen_chip and the C++ library only.
//
//   limen_tb VECTORS [--images N]
//
// VECTORS are lines: "limen-hardwired 1", "images N", "layer NAME X_BITS Y_BITS" a layer in the order of the chip's
// numbers, then, image by image, "image" and "NUMBER X Y" a window, X and Y hexadecimal. What is printed is names and
// values: a line a layer, then PASS or FAIL and the sums.
//
// Exit code 0: everything equal; 1: mismatches; 2: unusable arguments or vectors.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "Vlimen_chip.h"
#include "verilated.h"

namespace {

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "limen_tb: %s\n", message.c_str());
    std::exit(2);
}

struct Layer {
    std::string name;
    int x_bits, y_bits;
    int64_t windows = 0, wrong = 0;
};

// Words of 32 bits, the lowest first, of a hexadecimal number.
std::vector<uint32_t> words_of(const std::string& digits, size_t bits) {
    std::vector<uint32_t> words((bits + 31) / 32, 0);
    for (size_t i = 0; i < digits.size(); i++) {
        const char digit = digits[digits.size() - 1 - i];
        const int value = digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
        if (value < 0 || i / 8 >= words.size()) fail("vectors: '" + digits + "' is not a number of so many bits");
        words[i / 8] |= static_cast<uint32_t>(value) << (4 * (i % 8));
    }
    return words;
}

// Verilator's ports are integers of up to 64 bits, or wide ones of 32-bit words.
template <typename Port>
void put(Port& port, const std::vector<uint32_t>& words) {
    uint64_t value = words.empty() ? 0 : words[0];
    if (words.size() > 1) value |= static_cast<uint64_t>(words[1]) << 32;
    port = static_cast<Port>(value);
}

template <std::size_t Words>
void put(VlWide<Words>& port, const std::vector<uint32_t>& words) {
    for (std::size_t i = 0; i < Words; i++) port[i] = i < words.size() ? words[i] : 0;
}

template <typename Port>
uint32_t word(const Port& port, size_t index) {
    return index < 2 ? static_cast<uint32_t>(static_cast<uint64_t>(port) >> (32 * index)) : 0;
}

template <std::size_t Words>
uint32_t word(const VlWide<Words>& port, size_t index) {
    return index < Words ? port[index] : 0;
}

bool equals(const Vlimen_chip& chip, const std::vector<uint32_t>& expected) {
    for (size_t i = 0; i < expected.size(); i++) {
        if (word(chip.y, i) != expected[i]) return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) fail("a file of vectors is missing");
    int64_t most = INT64_MAX;
    for (int i = 2; i < argc; i++) {
        if (std::strcmp(argv[i], "--images") == 0 && i + 1 < argc) most = std::atoll(argv[++i]);
        else fail(std::string("unknown argument ") + argv[i]);
    }
    std::ifstream file(argv[1]);
    std::string line, keyword;
    if (!std::getline(file, line) || line != "limen-hardwired 1") fail(std::string(argv[1]) + ": not vectors of this testbench");
    const std::unique_ptr<Vlimen_chip> chip(new Vlimen_chip);
    std::vector<Layer> layers;
    int64_t images = 0, begun = 0, windows = 0, words = 0, wrong = 0;
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        fields >> keyword;
        if (keyword == "images") {
            fields >> images;
            if (most < images) images = most;
        } else if (keyword == "layer") {
            Layer layer;
            if (!(fields >> layer.name >> layer.x_bits >> layer.y_bits)) fail("vectors: '" + line + "' is no layer");
            layers.push_back(layer);
        } else if (keyword == "image") {
            if (begun == images) break;
            std::printf("image %" PRId64 " of %" PRId64 "\n", begun++, images);
        } else {
            const size_t index = std::strtoul(keyword.c_str(), nullptr, 10);
            std::string x, y;
            if (!(fields >> x >> y) || index >= layers.size()) fail("vectors: '" + line + "' is no window");
            Layer& layer = layers[index];
            put(chip->layer, {static_cast<uint32_t>(index)});
            put(chip->x, words_of(x, layer.x_bits));
            for (int clock = 0; clock < 2; clock++) {
                chip->clk = clock;
                chip->eval();
            }
            const std::vector<uint32_t> expected = words_of(y, layer.y_bits);
            const bool differs = !equals(*chip, expected);
            layer.windows++;
            layer.wrong += differs;
            windows++;
            words += static_cast<int64_t>(expected.size());
            wrong += differs;
        }
    }
    if (layers.empty() || begun < images) fail("vectors: cut short");
    for (const Layer& layer : layers) {
        std::printf("layer %s windows %" PRId64 " wrong %" PRId64 "\n", layer.name.c_str(), layer.windows, layer.wrong);
    }
    std::printf("%s images %" PRId64 " words %" PRId64 " cycles %" PRId64 " wrong_words %" PRId64 "\n", wrong ? "FAIL" : "PASS",
                begun, words, windows, wrong);
    return wrong ? 1 : 0;
}
