// DMA: one transfer at a time over one memory port, in a fixed order: store, descriptor, filter, ifmap, residual.
//
// A transfer is a list of runs of consecutive beats, one request each. Where its beats go is said by `kind`. A run holds
// one plane or, where planes lie densely, several: they follow each other without another request.
//
// start, high for one cycle while busy is low, begins a job; busy rises one cycle later and falls when all of it has
// moved. Between transfers a cycle is spent on picking, in which what to move is read; it stays until it has moved.
// mem_request stays high, with address and beats, until mem_request_ready; then so many beats move, one in every cycle
// in which valid and ready are high, and the next request comes behind the last. mem_read_ready never waits for
// mem_read_valid; within a run it falls only with residual_ready. mem_write_valid follows store_valid.
`default_nettype none

module limen_dma #(
    parameter PORT_BITS = 64  // bits a beat: 32, 64, 128, 256 or 512
) (
    input  wire                  clk,
    input  wire                  rst,
    // job
    input  wire                  rewind,             // back to the program's first descriptor
    input  wire                  start,              // high for one cycle, while not busy
    input  wire                  start_layer,        // fetch a layer descriptor and nothing else
    input  wire                  start_store,
    input  wire                  start_load,         // fetch a tile descriptor, then what it asks for
    output wire                  busy,
    output wire                  picking,            // between transfers
    output wire [2:0]            kind,               // of the beats that move now, a KIND below
    // what to move
    input  wire [15:0]           layer_beats,        // of a layer descriptor
    input  wire [15:0]           tile_beats,         // of a tile descriptor
    input  wire                  load_filter,
    input  wire                  load_ifmap,
    input  wire                  load_residual,
    input  wire [31:0]           filter_addr,
    input  wire [15:0]           weight_beats,
    input  wire [15:0]           polarity_beats,
    input  wire [15:0]           channel_beats,
    input  wire [31:0]           ifmap_addr,
    input  wire [31:0]           ifmap_stride,
    input  wire [15:0]           ifmap_runs,
    input  wire [15:0]           ifmap_beats,        // of a run
    input  wire [15:0]           ifmap_plane_beats,
    input  wire [15:0]           plane_words,        // rows of the ifmap scratchpad a plane fills
    input  wire [31:0]           residual_addr,
    input  wire [31:0]           residual_stride,
    input  wire [15:0]           residual_runs,
    input  wire [15:0]           residual_beats,
    input  wire [15:0]           residual_plane_beats,
    input  wire [31:0]           store_addr,
    input  wire [31:0]           store_stride,
    input  wire [15:0]           store_runs,
    input  wire [15:0]           store_beats,
    // beats in: a plane's first beat is marked
    output wire                  beat_valid,
    output wire                  beat_first,
    output wire [1:0]            plane,              // of a filter, a PLANE below
    output wire [15:0]           base,               // ifmap: first row of this plane
    input  wire                  residual_ready,
    // beats out
    output wire                  residual_start,     // high for one cycle: the residual is next
    output wire                  store_start,        // high for one cycle: the store is next
    input  wire                  store_valid,
    output wire                  store_taken,
    input  wire [PORT_BITS-1:0]  store_beat,
    // memory port
    output wire                  mem_request,
    input  wire                  mem_request_ready,
    output wire                  mem_write,
    output wire [31:0]           mem_addr,           // in beats
    output wire [15:0]           mem_beats,
    input  wire                  mem_read_valid,
    output wire                  mem_read_ready,
    output wire                  mem_write_valid,
    input  wire                  mem_write_ready,
    output wire [PORT_BITS-1:0]  mem_write_data
);
    localparam [1:0] STATE_IDLE = 2'd0, STATE_PICK = 2'd1, STATE_REQUEST = 2'd2, STATE_DATA = 2'd3;
    // What is moved, in the order in which it is served.
    localparam [2:0] KIND_STORE = 3'd0, KIND_LAYER = 3'd1, KIND_TILE = 3'd2;
    localparam [2:0] KIND_FILTER = 3'd3, KIND_IFMAP = 3'd4, KIND_RESIDUAL = 3'd5;
    localparam [1:0] PLANE_WEIGHTS = 2'd0, PLANE_POLARITY = 2'd1, PLANE_CHANNELS = 2'd2;

    generate
        if (PORT_BITS < 32 || PORT_BITS > 512 || (PORT_BITS & (PORT_BITS - 1)) != 0) begin : g_wrong
            limen_wrong_parameter port_bits_are_32_64_128_256_or_512 ();
        end
    endgenerate

    reg [1:0] state_reg;
    reg [2:0] kind_reg;
    reg [5:0] wanted_reg;       // by kind, still to be served
    reg [31:0] program_reg;     // next descriptor
    reg [31:0] addr_reg;
    reg [31:0] stride_reg;
    reg [15:0] runs_left_reg;
    reg [15:0] run_beats_reg;
    reg [15:0] beats_left_reg;
    reg first_reg;
    reg [1:0] plane_reg;
    reg [15:0] plane_left_reg;
    reg [15:0] base_reg;

    // A tile's own wishes count once its descriptor has come, which is served before them.
    wire [5:0] wanted = wanted_reg & {load_residual, load_ifmap, load_filter, 3'b111};
    wire [2:0] kind_next =
        wanted_reg[KIND_STORE] ? KIND_STORE : wanted_reg[KIND_LAYER] ? KIND_LAYER : wanted_reg[KIND_TILE] ? KIND_TILE :
        wanted[KIND_FILTER] ? KIND_FILTER : wanted[KIND_IFMAP] ? KIND_IFMAP : KIND_RESIDUAL;
    wire nothing = wanted == 6'd0;
    wire moved =
        state_reg == STATE_DATA && (mem_write ? store_valid & mem_write_ready : mem_read_valid & mem_read_ready);
    wire run_ends = moved && beats_left_reg == 16'd1;
    wire plane_ends = moved && plane_left_reg == 16'd1;
    wire [15:0] first_plane_beats =
        kind_reg == KIND_IFMAP ? ifmap_plane_beats : kind_reg == KIND_RESIDUAL ? residual_plane_beats : weight_beats;

    always @(posedge clk) begin
        case (state_reg)
            STATE_PICK: begin
                state_reg <= nothing ? STATE_IDLE : STATE_REQUEST;
                kind_reg <= kind_next;
                if (nothing) wanted_reg <= 6'd0;
                else wanted_reg[kind_next] <= 1'b0;
                stride_reg <=
                    kind_next == KIND_STORE ? store_stride : kind_next == KIND_IFMAP ? ifmap_stride : residual_stride;
                base_reg <= 16'd0;
                case (kind_next)
                    KIND_STORE: begin
                        addr_reg <= store_addr;
                        runs_left_reg <= store_runs;
                        run_beats_reg <= store_beats;
                    end
                    KIND_LAYER, KIND_TILE: begin
                        addr_reg <= program_reg;
                        runs_left_reg <= 16'd1;
                        run_beats_reg <= kind_next == KIND_LAYER ? layer_beats : tile_beats;
                        program_reg <= program_reg + {16'd0, kind_next == KIND_LAYER ? layer_beats : tile_beats};
                    end
                    KIND_FILTER: begin
                        addr_reg <= filter_addr;
                        runs_left_reg <= 16'd1;
                        run_beats_reg <= weight_beats + polarity_beats + channel_beats;
                    end
                    KIND_IFMAP: begin
                        addr_reg <= ifmap_addr;
                        runs_left_reg <= ifmap_runs;
                        run_beats_reg <= ifmap_beats;
                    end
                    default: begin
                        addr_reg <= residual_addr;
                        runs_left_reg <= residual_runs;
                        run_beats_reg <= residual_beats;
                    end
                endcase
            end
            STATE_REQUEST: if (mem_request_ready) begin
                state_reg <= STATE_DATA;
                beats_left_reg <= run_beats_reg;
                first_reg <= 1'b1;
                plane_reg <= PLANE_WEIGHTS;
                plane_left_reg <= first_plane_beats;
            end
            STATE_DATA: if (moved) begin
                first_reg <= 1'b0;
                beats_left_reg <= beats_left_reg - 16'd1;
                plane_left_reg <= plane_left_reg - 16'd1;
                if (plane_ends) begin
                    first_reg <= 1'b1;
                    plane_left_reg <= first_plane_beats;
                    base_reg <= base_reg + plane_words;
                    if (kind_reg == KIND_FILTER) begin
                        plane_reg <=
                            plane_reg == PLANE_WEIGHTS && polarity_beats != 16'd0 ? PLANE_POLARITY : PLANE_CHANNELS;
                        plane_left_reg <=
                            plane_reg == PLANE_WEIGHTS && polarity_beats != 16'd0 ? polarity_beats : channel_beats;
                    end
                end
                if (run_ends) begin
                    state_reg <= runs_left_reg == 16'd1 ? STATE_PICK : STATE_REQUEST;
                    runs_left_reg <= runs_left_reg - 16'd1;
                    addr_reg <= addr_reg + stride_reg;
                end
            end
            default: if (start) begin
                state_reg <= STATE_PICK;
                wanted_reg <= {{3{start_load}}, start_load, start_layer, start_store};
            end
        endcase
        if (rewind) program_reg <= 32'd0;
        if (rst) begin
            state_reg <= STATE_IDLE;
            kind_reg <= KIND_STORE;
        end
    end

    assign kind = kind_reg;
    assign busy = state_reg != STATE_IDLE;
    assign picking = state_reg == STATE_PICK;
    assign store_start = state_reg == STATE_PICK && wanted_reg[KIND_STORE];
    assign residual_start = state_reg == STATE_PICK && ~nothing && kind_next == KIND_RESIDUAL;
    assign mem_request = state_reg == STATE_REQUEST;
    assign mem_write = kind_reg == KIND_STORE;
    assign mem_addr = addr_reg;
    assign mem_beats = run_beats_reg;
    assign mem_read_ready =
        state_reg == STATE_DATA && kind_reg != KIND_STORE && (kind_reg != KIND_RESIDUAL || residual_ready);
    assign mem_write_valid = state_reg == STATE_DATA && kind_reg == KIND_STORE && store_valid;
    assign mem_write_data = store_beat;
    assign store_taken = moved && kind_reg == KIND_STORE;
    assign beat_valid = moved && kind_reg != KIND_STORE;
    assign beat_first = first_reg;
    assign plane = plane_reg;
    assign base = base_reg;
endmodule

`default_nettype wire
