// Testbench of an exported Limen design: runs a network's layers on limen_chip and compares every output
// and every cycle count with the vectors. Needs Verilator's model of limen_chip and the C++ library only.
//
//   limen_tb VECTORS [--images N] [--outputs FILE] [--trace FILE] [--flip CYCLE REGISTER ROW COL BIT]
//
// Each layer's input is what the chip itself wrote for the layer before; only the images and the weights
// come from the file. Exit code 0: everything equal; 1: mismatches; 2: unusable arguments or vectors.
// --trace and --flip reach the PE registers of the first layer and image (built with LIMEN_TRACE only).
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "Vlimen_chip.h"
#include "verilated.h"
#ifdef LIMEN_TRACE
#include "verilated_vpi.h"
#endif

namespace {

constexpr int64_t PADDING = -1;  // gather index of an activation of value 0
constexpr int PHASES = 5;        // idle, preload, stream, drain, pipeline
const char* const PHASE_NAMES[PHASES] = {"idle", "preload", "stream", "drain", "pipeline"};

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "limen_tb: %s\n", message.c_str());
    std::exit(2);
}

struct Layer {
    std::string name;
    int64_t row_size, col_size, time_size, raw, y_low, y_high;
    int64_t phases[PHASES];
    int64_t x_lanes, x_depth, synapse_lanes, synapse_depth, channel_lanes, channel_depth;
    std::vector<int64_t> x_gather, synapses, bias, shift, out_lane, out_addr;
};

struct Vectors {
    int64_t rows, cols, dataflow, x_bits, acc_bits;
    std::vector<Layer> layers;
    std::vector<std::vector<int64_t>> inputs;                 // [image][word]
    std::vector<std::vector<std::vector<int64_t>>> expected;  // [image][layer][word]
};

class Reader {
public:
    explicit Reader(const std::string& path) : path_(path), stream_(path) {
        if (!stream_) fail(path + ": cannot be read; expected a vector file");
    }
    void keyword(const std::string& wanted) {
        const std::string found = word();
        if (found != wanted) fail(path_ + ": found '" + found + "'; expected '" + wanted + "'");
    }
    std::string word() {
        std::string value;
        if (!(stream_ >> value)) fail(path_ + ": truncated");
        return value;
    }
    int64_t number() {
        int64_t value;
        if (!(stream_ >> value)) fail(path_ + ": truncated, or not a number where one is expected");
        return value;
    }
    std::vector<int64_t> numbers(int64_t count) {
        std::vector<int64_t> values(count);
        for (auto& value : values) value = number();
        return values;
    }

private:
    std::string path_;
    std::ifstream stream_;
};

Vectors read_vectors(const std::string& path) {
    Reader in(path);
    Vectors vectors;
    in.keyword("limen-vectors");
    if (in.number() != 1) fail(path + ": version: only 1 is allowed");
    in.keyword("design");
    vectors.rows = in.number();
    vectors.cols = in.number();
    vectors.dataflow = in.number();
    vectors.x_bits = in.number();
    vectors.acc_bits = in.number();
    in.keyword("layers");
    const int64_t layers = in.number();
    in.keyword("images");
    const int64_t images = in.number();
    for (int64_t i = 0; i < layers; ++i) {
        Layer layer;
        in.keyword("layer");
        layer.name = in.word();
        layer.row_size = in.number();
        layer.col_size = in.number();
        layer.time_size = in.number();
        layer.raw = in.number();
        layer.y_low = in.number();
        layer.y_high = in.number();
        in.keyword("phases");
        for (auto& cycles : layer.phases) cycles = in.number();
        in.keyword("x");
        layer.x_lanes = in.number();
        layer.x_depth = in.number();
        layer.x_gather = in.numbers(layer.x_lanes * layer.x_depth);
        in.keyword("synapses");
        layer.synapse_lanes = in.number();
        layer.synapse_depth = in.number();
        layer.synapses = in.numbers(layer.synapse_lanes * layer.synapse_depth);
        in.keyword("channels");
        layer.channel_lanes = in.number();
        layer.channel_depth = in.number();
        layer.bias = in.numbers(layer.channel_lanes * layer.channel_depth);
        layer.shift = in.numbers(layer.channel_lanes * layer.channel_depth);
        in.keyword("outputs");
        const int64_t words = in.number();
        layer.out_lane = in.numbers(words);
        layer.out_addr = in.numbers(words);
        vectors.layers.push_back(layer);
    }
    for (int64_t image = 0; image < images; ++image) {
        in.keyword("input");
        vectors.inputs.push_back(in.numbers(in.number()));
        vectors.expected.emplace_back();
        for (const auto& layer : vectors.layers) {
            in.keyword("expected");
            vectors.expected.back().push_back(in.numbers(layer.out_lane.size()));
        }
    }
    in.keyword("end");
    return vectors;
}

struct Flip {
    int64_t cycle = 0, row = 0, col = 0, bit = 0;
    std::string signal;
};

class Chip {
public:
    explicit Chip(const Vectors& vectors) : vectors_(vectors) {
        top_.clk = 0;
        top_.rst = 1;
        top_.start = 0;
        top_.load_enable = 0;
        top_.read_lane = 0;
        top_.read_addr = 0;
        for (int i = 0; i < 4; ++i) tick();
        top_.rst = 0;
        // Neutral operands pass through every lane before the first layer.
        for (int64_t i = 0; i < vectors_.rows + vectors_.cols + 4; ++i) tick();
    }
    ~Chip() { top_.final(); }

    void tick() {
        top_.clk = 1;
        top_.eval();
        top_.clk = 0;
        top_.eval();
    }

    void load(int target, int64_t lane, int64_t addr, int64_t data) {
        top_.load_enable = 1;
        top_.load_target = target;
        top_.load_lane = lane;
        top_.load_addr = addr;
        top_.load_data = data;
        tick();
        top_.load_enable = 0;
    }

    void load_weights(const Layer& layer) {
        const int target = vectors_.dataflow == 2 ? 0 : 1;
        for (int64_t lane = 0; lane < layer.synapse_lanes; ++lane)
            for (int64_t addr = 0; addr < layer.synapse_depth; ++addr)
                load(target, lane, addr, layer.synapses[lane * layer.synapse_depth + addr]);
        for (int64_t lane = 0; lane < layer.channel_lanes; ++lane)
            for (int64_t addr = 0; addr < layer.channel_depth; ++addr) {
                const int64_t at = lane * layer.channel_depth + addr;
                const int64_t bias = layer.bias[at] & ((int64_t{1} << vectors_.acc_bits) - 1);
                load(2, lane, addr, (layer.shift[at] << vectors_.acc_bits) | bias);
            }
    }

    void load_activations(const Layer& layer, const std::vector<int64_t>& x) {
        const int target = vectors_.dataflow == 2 ? 1 : 0;
        const int64_t mask = (int64_t{1} << vectors_.x_bits) - 1;
        for (int64_t lane = 0; lane < layer.x_lanes; ++lane)
            for (int64_t addr = 0; addr < layer.x_depth; ++addr) {
                const int64_t from = layer.x_gather[lane * layer.x_depth + addr];
                if (from >= PADDING) load(target, lane, addr, from == PADDING ? 0 : x[from] & mask);
            }
    }

    // Runs the layer in the banks; fills cycles by phase and returns their sum.
    int64_t run(const Layer& layer, int64_t phases[PHASES], FILE* trace, const Flip& flip) {
        const int64_t limit_mask = (int64_t{1} << (vectors_.x_bits + 1)) - 1;
        top_.row_size = layer.row_size;
        top_.col_size = layer.col_size;
        top_.time_size = layer.time_size;
        top_.raw = layer.raw;
        top_.y_low = layer.y_low & limit_mask;
        top_.y_high = layer.y_high & limit_mask;
        int64_t wanted = 0;
        for (int i = 0; i < PHASES; ++i) {
            wanted += layer.phases[i];
            phases[i] = 0;
        }
        top_.start = 1;
        tick();
        top_.start = 0;
        int64_t cycles = 0;
        while (!top_.done) {
            if (cycles > 2 * wanted + 1000) fail("layer " + layer.name + ": not done after twice its cycles");
            if (top_.phase < PHASES) ++phases[top_.phase];
            tick();
            ++cycles;
            if (cycles == flip.cycle) invert(flip);
            if (trace != nullptr) dump(trace);
        }
        return cycles;
    }

    std::vector<int64_t> outputs(const Layer& layer) {
        std::vector<int64_t> words(layer.out_lane.size());
        for (size_t i = 0; i < words.size(); ++i) {
            top_.read_lane = layer.out_lane[i];
            top_.read_addr = layer.out_addr[i];
            tick();
            words[i] = static_cast<int32_t>(top_.read_data);
        }
        return words;
    }

private:
#ifdef LIMEN_TRACE
    vpiHandle handle(int64_t row, int64_t col, const std::string& signal) {
        const std::string block = vectors_.dataflow == 0 ? "g_os" : "g_stationary";
        const std::string name = "TOP.limen_chip.machine.array.g_row[" + std::to_string(row) + "].g_col[" +
                                 std::to_string(col) + "]." + block + ".pe." + signal + "_reg";
        vpiHandle found = vpi_handle_by_name(const_cast<char*>(name.c_str()), nullptr);
        if (found == nullptr) fail(name + ": no such register");
        return found;
    }
    // Values wider than 32 bits come as words; an accumulator has at most 48.
    static uint64_t value(vpiHandle signal) {
        s_vpi_value read{};
        read.format = vpiVectorVal;
        vpi_get_value(signal, &read);
        uint64_t result = static_cast<uint32_t>(read.value.vector[0].aval);
        if (vpi_get(vpiSize, signal) > 32)
            result |= static_cast<uint64_t>(static_cast<uint32_t>(read.value.vector[1].aval)) << 32;
        return result;
    }
    void dump(FILE* trace) {
        const std::vector<std::string> signals = vectors_.dataflow == 0
                                                     ? std::vector<std::string>{"x", "synapse", "acc"}
                                                     : std::vector<std::string>{"moving", "still", "psum"};
        if (handles_.empty())
            for (const auto& signal : signals)
                for (int64_t row = 0; row < vectors_.rows; ++row)
                    for (int64_t col = 0; col < vectors_.cols; ++col) handles_.push_back(handle(row, col, signal));
        for (const auto& signal : handles_) std::fprintf(trace, "%" PRIu64 " ", value(signal));
        std::fputc('\n', trace);
    }
    void invert(const Flip& flip) {
        vpiHandle signal = handle(flip.row, flip.col, flip.signal);
        const uint64_t flipped = value(signal) ^ (uint64_t{1} << flip.bit);
        t_vpi_vecval words[2]{};
        words[0].aval = static_cast<uint32_t>(flipped);
        words[1].aval = static_cast<uint32_t>(flipped >> 32);
        s_vpi_value write{};
        write.format = vpiVectorVal;
        write.value.vector = words;
        vpi_put_value(signal, &write, nullptr, vpiNoDelay);
        top_.eval();
    }
    std::vector<vpiHandle> handles_;
#else
    void dump(FILE*) { fail("--trace needs a build with LIMEN_TRACE"); }
    void invert(const Flip&) { fail("--flip needs a build with LIMEN_TRACE"); }
#endif

    const Vectors& vectors_;
    Vlimen_chip top_;
};

FILE* open_for_writing(const std::string& path) {
    FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) fail(path + ": cannot be written");
    return file;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) fail("usage: limen_tb VECTORS [--images N] [--outputs FILE] [--trace FILE] [--flip CYCLE REGISTER ROW COL BIT]");
    const Vectors vectors = read_vectors(argv[1]);
    size_t images = vectors.inputs.size();
    FILE* outputs_file = nullptr;
    FILE* trace_file = nullptr;
    Flip flip;
    for (int i = 2; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--images" && i + 1 < argc) {
            images = std::strtoull(argv[++i], nullptr, 10);
            if (images < 1 || images > vectors.inputs.size())
                fail("--images: allowed are 1 to " + std::to_string(vectors.inputs.size()));
        } else if (option == "--outputs" && i + 1 < argc) {
            outputs_file = open_for_writing(argv[++i]);
        } else if (option == "--trace" && i + 1 < argc) {
            trace_file = open_for_writing(argv[++i]);
        } else if (option == "--flip" && i + 5 < argc) {
            flip.cycle = std::atoll(argv[++i]);
            flip.signal = argv[++i];
            flip.row = std::atoll(argv[++i]);
            flip.col = std::atoll(argv[++i]);
            flip.bit = std::atoll(argv[++i]);
        } else {
            fail(option + ": not an option, or its value is missing");
        }
    }

    Chip chip(vectors);
    std::vector<std::vector<int64_t>> activations(vectors.inputs.begin(), vectors.inputs.begin() + images);
    int64_t total_cycles = 0, words = 0, wrong_words = 0, wrong_cycles = 0;
    for (size_t l = 0; l < vectors.layers.size(); ++l) {
        const Layer& layer = vectors.layers[l];
        int64_t layer_wrong = 0, phases[PHASES], cycles = 0;
        chip.load_weights(layer);
        for (size_t image = 0; image < images; ++image) {
            const bool first = l == 0 && image == 0;
            chip.load_activations(layer, activations[image]);
            cycles = chip.run(layer, phases, first ? trace_file : nullptr, first ? flip : Flip{});
            total_cycles += cycles;
            for (int i = 0; i < PHASES; ++i) wrong_cycles += phases[i] != layer.phases[i];
            int64_t wanted = 0;
            for (const int64_t part : layer.phases) wanted += part;
            wrong_cycles += cycles != wanted;
            activations[image] = chip.outputs(layer);
            for (size_t i = 0; i < activations[image].size(); ++i)
                layer_wrong += activations[image][i] != vectors.expected[image][l][i];
            words += activations[image].size();
            if (outputs_file != nullptr) {
                for (const int64_t word : activations[image]) std::fprintf(outputs_file, "%" PRId64 " ", word);
                std::fputc('\n', outputs_file);
            }
        }
        wrong_words += layer_wrong;
        std::printf("layer %s cycles %" PRId64, layer.name.c_str(), cycles);
        for (int i = 1; i < PHASES; ++i) std::printf(" %s %" PRId64, PHASE_NAMES[i], phases[i]);
        std::printf(" mismatches %" PRId64 "\n", layer_wrong);
    }
    if (outputs_file != nullptr) std::fclose(outputs_file);
    if (trace_file != nullptr) std::fclose(trace_file);
    std::printf("%s images %zu cycles %" PRId64 " words %" PRId64 " wrong_words %" PRId64 " wrong_cycles %" PRId64 "\n",
                wrong_words + wrong_cycles ? "FAIL" : "PASS", images, total_cycles, words, wrong_words, wrong_cycles);
    return wrong_words + wrong_cycles ? 1 : 0;
}
