// DMA: one transfer at a time over one memory port, in a fixed order: store, descriptor, filter, ifmap, residual.
//
// A transfer is a list of runs of consecutive beats, one request each. Where its beats go is said by `kind`.
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
    output reg  [2:0]            kind,               // of the beats that move now
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
    input  wire [15:0]           ifmap_beats,
    input  wire [15:0]           plane_words,        // rows of the ifmap scratchpad a run fills
    input  wire [31:0]           residual_addr,
    input  wire [31:0]           residual_stride,
    input  wire [15:0]           residual_runs,
    input  wire [15:0]           residual_beats,
    input  wire [31:0]           store_addr,
    input  wire [31:0]           store_stride,
    input  wire [15:0]           store_runs,
    input  wire [15:0]           store_beats,
    // beats in: a run's first beat is marked; so is the first of each plane of a filter
    output wire                  beat_valid,
    output wire                  beat_first,
    output wire [1:0]            plane,              // filter: 0 weights, 1 polarity, 2 channels
    output wire [15:0]           base,               // ifmap: first row of this run
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
    localparam [1:0] IDLE = 2'd0, PICK = 2'd1, REQUEST = 2'd2, DATA = 2'd3;
    // Kinds, in the order in which they are served.
    localparam [2:0] STORE = 3'd0, LAYER = 3'd1, TILE = 3'd2, FILTER = 3'd3, IFMAP = 3'd4, RESIDUAL = 3'd5;

    reg [1:0] state_reg;
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
    wire [2:0] next_kind =
        wanted_reg[STORE] ? STORE : wanted_reg[LAYER] ? LAYER : wanted_reg[TILE] ? TILE :
        wanted[FILTER] ? FILTER : wanted[IFMAP] ? IFMAP : RESIDUAL;
    wire nothing = wanted == 6'd0;
    wire moved = state_reg == DATA && (mem_write ? store_valid & mem_write_ready : mem_read_valid & mem_read_ready);
    wire run_ends = moved && beats_left_reg == 16'd1;
    wire plane_ends = moved && plane_left_reg == 16'd1;

    always @(posedge clk) begin
        case (state_reg)
            PICK: begin
                state_reg <= nothing ? IDLE : REQUEST;
                kind <= next_kind;
                if (nothing) wanted_reg <= 6'd0;
                else wanted_reg[next_kind] <= 1'b0;
                stride_reg <= next_kind == STORE ? store_stride : next_kind == IFMAP ? ifmap_stride : residual_stride;
                base_reg <= 16'd0;
                case (next_kind)
                    STORE: begin
                        addr_reg <= store_addr;
                        runs_left_reg <= store_runs;
                        run_beats_reg <= store_beats;
                    end
                    LAYER, TILE: begin
                        addr_reg <= program_reg;
                        runs_left_reg <= 16'd1;
                        run_beats_reg <= next_kind == LAYER ? layer_beats : tile_beats;
                        program_reg <= program_reg + {16'd0, next_kind == LAYER ? layer_beats : tile_beats};
                    end
                    FILTER: begin
                        addr_reg <= filter_addr;
                        runs_left_reg <= 16'd1;
                        run_beats_reg <= weight_beats + polarity_beats + channel_beats;
                    end
                    IFMAP: begin
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
            REQUEST: if (mem_request_ready) begin
                state_reg <= DATA;
                beats_left_reg <= run_beats_reg;
                first_reg <= 1'b1;
                plane_reg <= 2'd0;
                plane_left_reg <= weight_beats;
            end
            DATA: if (moved) begin
                first_reg <= 1'b0;
                beats_left_reg <= beats_left_reg - 16'd1;
                plane_left_reg <= plane_left_reg - 16'd1;
                if (plane_ends && kind == FILTER) begin
                    plane_reg <= plane_reg == 2'd0 && polarity_beats != 16'd0 ? 2'd1 : 2'd2;
                    plane_left_reg <= plane_reg == 2'd0 && polarity_beats != 16'd0 ? polarity_beats : channel_beats;
                    first_reg <= 1'b1;
                end
                if (run_ends) begin
                    state_reg <= runs_left_reg == 16'd1 ? PICK : REQUEST;
                    runs_left_reg <= runs_left_reg - 16'd1;
                    addr_reg <= addr_reg + stride_reg;
                    base_reg <= base_reg + plane_words;
                end
            end
            default: if (start) begin
                state_reg <= PICK;
                wanted_reg <= {{3{start_load}}, start_load, start_layer, start_store};
            end
        endcase
        if (rewind) program_reg <= 32'd0;
        if (rst) begin
            state_reg <= IDLE;
            kind <= STORE;
        end
    end

    assign busy = state_reg != IDLE;
    assign picking = state_reg == PICK;
    assign store_start = state_reg == PICK && wanted_reg[STORE];
    assign residual_start = state_reg == PICK && ~nothing && next_kind == RESIDUAL;
    assign mem_request = state_reg == REQUEST;
    assign mem_write = kind == STORE;
    assign mem_addr = addr_reg;
    assign mem_beats = run_beats_reg;
    assign mem_read_ready = state_reg == DATA && kind != STORE && (kind != RESIDUAL || residual_ready);
    assign mem_write_valid = state_reg == DATA && kind == STORE && store_valid;
    assign mem_write_data = store_beat;
    assign store_taken = moved && kind == STORE;
    assign beat_valid = moved && kind != STORE;
    assign beat_first = first_reg;
    assign plane = plane_reg;
    assign base = base_reg;
endmodule

`default_nettype wire
