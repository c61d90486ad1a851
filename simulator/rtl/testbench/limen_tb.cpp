// Testbench of an exported Limen design: runs the network's program on limen_chip behind a memory and compares
// every beat the chip wrote, every part of its cycles and its accesses with the vectors. Needs Verilator's model
// of limen_chip and the C++ library only.
//
//   limen_tb VECTORS [--images N] [--memory FILE] [--trace FILE] [--flip CYCLE REGISTER ROW COL BIT]
//
// The vectors are lines of a name and what it names, see read_vectors; what is printed is names and values too: a line
// a layer, then PASS or FAIL and the sums.
//
// Exit code 0: everything equal; 1: mismatches; 2: unusable arguments or vectors. --memory writes what the chip
// left in each image's tensors. --trace and --flip reach the PE registers of the first image (LIMEN_TRACE only).
#include <algorithm>
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

constexpr int PHASES = 11;     // idle, then the parts of a layer's cycles
constexpr int ACTIVITIES = 6;  // accesses counted, see limen_top
constexpr int LAYER_BEGINS = 6;
const char* const PHASE_NAMES[PHASES] = {"idle", "preload", "stream", "drain", "pipeline", "pool", "stall_feeder",
                                         "stall_ifmap", "stall_filter", "stall_ofmap", "stall_control"};
const char* const ACTIVITY_NAMES[ACTIVITIES] = {"beats_in", "beats_out", "ifmap_reads", "weight_reads",
                                                "channel_reads", "pack_reads"};
constexpr uint32_t NEVER_WRITTEN = 0xDEADBEEF;

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "limen_tb: %s\n", message.c_str());
    std::exit(2);
}

struct Counts {
    int64_t phases[PHASES] = {}, activity[ACTIVITIES] = {};
};

struct Layer {
    std::string name;
    int64_t store_beat, store_beats;  // where its output lies
    Counts expected;
};

struct Vectors {
    int64_t dataflow, rows, cols, port_words, latency, interval;
    std::vector<int> mask;
    std::vector<uint32_t> image;      // descriptors and filters; what follows is written by the chip
    int64_t first_beat, beats;        // of the tensors; of the memory
    int64_t input_beat, input_beats;  // where the input lies
    std::vector<Layer> layers;
    std::vector<std::vector<uint32_t>> expected;  // [image][word] of the input, then of every layer's output
};

class Reader {
public:
    explicit Reader(const std::string& path) : path_(path), stream_(path) {
        if (!stream_) fail(path + ": cannot be read; expected a vector file");
    }
    void keyword(const std::string& expected) {
        const std::string actual = word();
        if (actual != expected) fail(path_ + ": found '" + actual + "'; expected '" + expected + "'");
    }
    std::string word() {
        std::string value;
        if (!(stream_ >> value)) fail(path_ + ": truncated");
        return value;
    }
    int64_t number(const std::string& name) {
        keyword(name);
        int64_t value;
        if (!(stream_ >> value)) fail(path_ + ": truncated, or not a number after '" + name + "'");
        return value;
    }
    std::vector<uint32_t> words(int64_t count) {
        std::vector<uint32_t> values(count);
        for (auto& value : values) value = static_cast<uint32_t>(std::strtoul(word().c_str(), nullptr, 16));
        return values;
    }

private:
    std::string path_;
    std::ifstream stream_;
};

Vectors read_vectors(const std::string& path) {
    Reader in(path);
    Vectors vectors;
    if (in.number("limen-vectors") != 4) fail(path + ": version: only 4 is allowed");
    vectors.dataflow = in.number("dataflow");
    vectors.rows = in.number("rows");
    vectors.cols = in.number("cols");
    vectors.port_words = in.number("port_words");
    vectors.latency = in.number("latency");
    vectors.interval = in.number("interval");
    vectors.first_beat = in.number("first_beat");
    vectors.input_beats = in.number("input_beats");
    vectors.beats = in.number("beats");
    in.keyword("mask");
    for (const char bit : in.word()) vectors.mask.push_back(bit == '1');
    const int64_t layers = in.number("layers");
    for (int64_t i = 0; i < layers; ++i) {
        Layer layer;
        in.keyword("layer");
        layer.name = in.word();
        layer.store_beat = in.number("store_beat");
        layer.store_beats = in.number("store_beats");
        for (int i = 1; i < PHASES; ++i) layer.expected.phases[i] = in.number(PHASE_NAMES[i]);
        for (int i = 0; i < ACTIVITIES; ++i) layer.expected.activity[i] = in.number(ACTIVITY_NAMES[i]);
        vectors.layers.push_back(layer);
    }
    in.keyword("image");
    vectors.image = in.words(vectors.first_beat * vectors.port_words);
    const int64_t images = in.number("inputs");
    vectors.input_beat = in.number("input_beat");
    int64_t beats = vectors.input_beats;
    for (const auto& layer : vectors.layers) beats += layer.store_beats;
    if (vectors.input_beat + vectors.input_beats > vectors.beats) fail(path + ": input_beat: beyond the memory");
    for (int64_t image = 0; image < images; ++image) {
        in.keyword("tensors");
        vectors.expected.push_back(in.words(beats * vectors.port_words));
    }
    in.keyword("end");
    return vectors;
}

struct Flip {
    int64_t cycle = 0, row = 0, col = 0, bit = 0;
    std::string signal;
};

// The memory behind the port: a request is taken while idle; its first beat moves `latency` cycles later at the
// earliest, each further one `interval` cycles after the one before; nothing happens in cycles masked out.
// Outputs may share addresses: the n-th word stored in a place is compared with the n-th layer's whose output has it.
class Memory {
public:
    explicit Memory(const Vectors& vectors) : vectors_(vectors), due_words_(vectors.beats), stored_(vectors.beats) {
        words_.resize(vectors.beats * vectors.port_words);
        int64_t word = vectors.input_beats * vectors.port_words;
        for (const auto& layer : vectors.layers) {
            if (layer.store_beat + layer.store_beats > vectors.beats) fail("layer " + layer.name + ": no such memory");
            for (int64_t i = 0; i < layer.store_beats; ++i, word += vectors.port_words)
                due_words_[layer.store_beat + i].push_back(word);
        }
    }

    void load(const std::vector<uint32_t>& expected) {
        expected_ = &expected;
        std::copy(vectors_.image.begin(), vectors_.image.end(), words_.begin());
        std::fill(words_.begin() + vectors_.first_beat * vectors_.port_words, words_.end(), NEVER_WRITTEN);
        std::copy(expected.begin(), expected.begin() + vectors_.input_beats * vectors_.port_words,
                  words_.begin() + vectors_.input_beat * vectors_.port_words);
        std::fill(stored_.begin(), stored_.end(), 0);
        touched_ = vectors_.input_beat + vectors_.input_beats;
        beats_left_ = wrong_words_ = 0;
    }
    // What the memory holds; 0 where neither the chip nor, for the input, `load` has put anything.
    uint32_t word(int64_t index) const {
        const int64_t beat = index / vectors_.port_words, from_input = beat - vectors_.input_beat;
        const bool input = from_input >= 0 && from_input < vectors_.input_beats;
        return input || stored_[beat] > 0 ? words_[index] : 0;
    }
    // Words stored that differ from what is expected or that nobody expects, and expected ones that weren't stored.
    int64_t wrong_words() const {
        int64_t wrong = wrong_words_;
        for (size_t beat = 0; beat < stored_.size(); ++beat)
            if (stored_[beat] < due_words_[beat].size())
                wrong += (due_words_[beat].size() - stored_[beat]) * vectors_.port_words;
        return wrong;
    }
    // Beats from the first to the last that was read or written.
    int64_t touched() const { return touched_; }

    // Before the clock edge of `cycle`: what the memory offers.
    void drive(Vlimen_chip& top, int64_t cycle) {
        const bool open = vectors_.mask[cycle % vectors_.mask.size()];
        const bool due = open && beats_left_ > 0 && cycle >= due_;
        top.mem_request_ready = open && beats_left_ == 0;
        top.mem_read_valid = due && !write_;
        top.mem_write_ready = due && write_;
        for (int64_t i = 0; i < vectors_.port_words; ++i) set(top.mem_read_data, i, due && !write_ ? at(i) : 0);
    }
    // After signals have settled, before the clock edge: what moves.
    void sample(Vlimen_chip& top, int64_t cycle) {
        if (top.mem_request && top.mem_request_ready) {
            addr_ = top.mem_addr;
            beats_left_ = top.mem_beats;
            write_ = top.mem_write;
            due_ = cycle + vectors_.latency;
            if (addr_ + beats_left_ > vectors_.beats || beats_left_ == 0) fail("a request outside the memory");
        } else if ((top.mem_read_valid && top.mem_read_ready) || (top.mem_write_valid && top.mem_write_ready)) {
            if (write_) {
                for (int64_t i = 0; i < vectors_.port_words; ++i)
                    words_[addr_ * vectors_.port_words + i] = get(top.mem_write_data, i);
                compare();
            }
            touched_ = std::max(touched_, ++addr_);
            --beats_left_;
            due_ = cycle + vectors_.interval;
        }
    }

private:
    uint32_t at(int64_t i) const { return words_[addr_ * vectors_.port_words + i]; }
    // The beat that was just stored with what is expected there this time.
    void compare() {
        const size_t turn = stored_[addr_]++;
        const bool due = turn < due_words_[addr_].size();
        for (int64_t i = 0; i < vectors_.port_words; ++i)
            wrong_words_ += !due || at(i) != (*expected_)[due_words_[addr_][turn] + i];
    }
    // A port of 32 or 64 bits is an integer in Verilator's model, a wider one an array of words.
    static void set(IData& port, int64_t, uint32_t word) { port = word; }
    static void set(QData& port, int64_t i, uint32_t word) {
        port = i == 0 ? (port & ~uint64_t{0xFFFFFFFF}) | word : (port & 0xFFFFFFFF) | (uint64_t{word} << 32);
    }
    template <std::size_t N>
    static void set(VlWide<N>& port, int64_t i, uint32_t word) { port[i] = word; }
    static uint32_t get(const IData& port, int64_t) { return port; }
    static uint32_t get(const QData& port, int64_t i) { return static_cast<uint32_t>(port >> (32 * i)); }
    template <std::size_t N>
    static uint32_t get(const VlWide<N>& port, int64_t i) { return port[i]; }

    const Vectors& vectors_;
    std::vector<uint32_t> words_;
    std::vector<std::vector<int64_t>> due_words_;  // by beat: first words of what layer after layer stores there
    std::vector<size_t> stored_;                   // by beat: how often the chip has stored it
    const std::vector<uint32_t>* expected_ = nullptr;
    int64_t addr_ = 0, beats_left_ = 0, due_ = 0, wrong_words_ = 0, touched_ = 0;
    bool write_ = false;
};

class Chip {
public:
    explicit Chip(const Vectors& vectors) : vectors_(vectors), memory_(vectors) {
        top_.clk = 0;
        top_.rst = 1;
        top_.start = 0;
        for (int i = 0; i < 4; ++i) tick();
        top_.rst = 0;
        // Neutral operands pass through every lane before the first layer.
        for (int64_t i = 0; i < 2 * (vectors_.rows + vectors_.cols) + 8; ++i) tick();
    }
    ~Chip() { top_.final(); }

    // Runs the program on one input; fills the counts of each layer and returns all cycles.
    int64_t run(const std::vector<uint32_t>& tensors, std::vector<Counts>& counts, FILE* trace, const Flip& flip) {
        memory_.load(tensors);
        counts.assign(vectors_.layers.size(), Counts{});
        int64_t limit = 100000;
        for (const auto& layer : vectors_.layers)
            for (const int64_t cycles : layer.expected.phases) limit += 3 * cycles;
        top_.start = 1;
        tick();
        top_.start = 0;
        int64_t cycles = 0;
        size_t layer = 0;
        while (!top_.done) {
            if (cycles > limit) fail("not done after three times the cycles");
            memory_.drive(top_, cycles);
            top_.eval();
            memory_.sample(top_, cycles);
            ++counts[layer].phases[top_.phase < PHASES ? top_.phase : 0];
            for (int i = 0; i < ACTIVITIES; ++i) counts[layer].activity[i] += (top_.activity >> i) & 1;
            if ((top_.activity >> LAYER_BEGINS) & 1 && layer + 1 < counts.size()) ++layer;
            tick();
            ++cycles;
            if (cycles == flip.cycle) invert(flip);
            if (trace != nullptr) dump(trace);
        }
        return cycles;
    }

    uint32_t word(int64_t index) const { return memory_.word(index); }
    int64_t wrong_words() const { return memory_.wrong_words(); }
    int64_t touched() const { return memory_.touched(); }

private:
    void tick() {
        top_.clk = 1;
        top_.eval();
        top_.clk = 0;
        top_.eval();
    }
#ifdef LIMEN_TRACE
    vpiHandle handle(int64_t row, int64_t col, const std::string& signal) {
        const std::string block = vectors_.dataflow == 0 ? "g_os" : "g_stationary";
        const std::string name = "TOP.limen_chip.machine.array.g_row[" + std::to_string(row) + "].g_col[" +
                                 std::to_string(col) + "]." + block + ".pe." + signal + "_reg";
        vpiHandle pe_register = vpi_handle_by_name(const_cast<char*>(name.c_str()), nullptr);
        if (pe_register == nullptr) fail(name + ": no such register");
        return pe_register;
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
    Memory memory_;
};

FILE* open_for_writing(const std::string& path) {
    FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) fail(path + ": cannot be written");
    return file;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2)
        fail("usage: limen_tb VECTORS [--images N] [--memory FILE] [--trace FILE]"
             " [--flip CYCLE REGISTER ROW COL BIT]");
    const Vectors vectors = read_vectors(argv[1]);
    size_t images = vectors.expected.size();
    FILE* memory_file = nullptr;
    FILE* trace_file = nullptr;
    Flip flip;
    for (int i = 2; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--images" && i + 1 < argc) {
            images = std::strtoull(argv[++i], nullptr, 10);
            if (images < 1 || images > vectors.expected.size())
                fail("--images: allowed are 1 to " + std::to_string(vectors.expected.size()));
        } else if (option == "--memory" && i + 1 < argc) {
            memory_file = open_for_writing(argv[++i]);
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
    std::vector<Counts> counts;
    int64_t total_cycles = 0, words = 0, wrong_words = 0, wrong_counts = 0, touched = 0;
    for (size_t image = 0; image < images; ++image) {
        const auto& expected = vectors.expected[image];
        total_cycles += chip.run(expected, counts, image == 0 ? trace_file : nullptr, image == 0 ? flip : Flip{});
        wrong_words += chip.wrong_words();
        wrong_counts += chip.touched() != vectors.beats;
        touched = std::max(touched, chip.touched());
        if (memory_file != nullptr) {
            for (int64_t i = vectors.first_beat * vectors.port_words; i < vectors.beats * vectors.port_words; ++i)
                std::fprintf(memory_file, "%08" PRIx32 " ", chip.word(i));
            std::fputc('\n', memory_file);
        }
        words += expected.size() - vectors.input_beats * vectors.port_words;
        for (size_t l = 0; l < counts.size(); ++l) {
            for (int i = 1; i < PHASES; ++i)
                wrong_counts += counts[l].phases[i] != vectors.layers[l].expected.phases[i];
            for (int i = 0; i < ACTIVITIES; ++i)
                wrong_counts += counts[l].activity[i] != vectors.layers[l].expected.activity[i];
            wrong_counts += counts[l].phases[0];
        }
        std::printf("image %zu of %zu\n", image + 1, images);
        std::fflush(stdout);
    }
    for (size_t l = 0; l < counts.size(); ++l) {
        std::printf("layer %s", vectors.layers[l].name.c_str());
        for (int i = 1; i < PHASES; ++i) std::printf(" %s %" PRId64, PHASE_NAMES[i], counts[l].phases[i]);
        for (int i = 0; i < ACTIVITIES; ++i) std::printf(" %s %" PRId64, ACTIVITY_NAMES[i], counts[l].activity[i]);
        std::printf("\n");
    }
    for (FILE* file : {memory_file, trace_file})
        if (file != nullptr) std::fclose(file);
    std::printf("%s images %zu cycles %" PRId64 " words %" PRId64 " wrong_words %" PRId64 " wrong_counts %" PRId64
                " memory_beats %" PRId64 "\n", wrong_words + wrong_counts ? "FAIL" : "PASS", images, total_cycles, words,
                wrong_words, wrong_counts, touched);
    return wrong_words + wrong_counts ? 1 : 0;
}
