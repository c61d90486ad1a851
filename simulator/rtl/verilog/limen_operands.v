// Operand memory of the array's activations: two blocks of banks, one bank a lane, all read at one address.
//
// Under os and is a bank's word holds FEEDER channels of one pixel, of which `element` is handed out; under ws
// it holds one activation, and the words coming in are dealt over the lanes.
`default_nettype none

module limen_operands #(
    parameter LANES = 4,
    parameter DATAFLOW = 0,   // 0: os, 1: ws, 2: is
    parameter FEEDER = 4,
    parameter X_BITS = 8,
    parameter DEPTH = 256,    // activations a bank and block
    parameter [X_BITS-1:0] NEUTRAL = 0
) (
    input  wire                      clk,
    // fill
    input  wire                      write_valid,
    input  wire                      write_half,
    input  wire [15:0]               write_addr,
    input  wire [15:0]               write_lane,
    input  wire [15:0]               write_from,
    input  wire [15:0]               write_count,
    input  wire [FEEDER*X_BITS-1:0]  word,
    // read; the operands come one cycle later
    input  wire                      read_valid,
    input  wire                      read_half,
    input  wire [15:0]               read_addr,
    input  wire [15:0]               element,
    input  wire [15:0]               lanes_left,   // lanes at or beyond it get the neutral operand
    output wire [LANES*X_BITS-1:0]   x_out
);
    localparam WS = 1;
    localparam WIDTH = DATAFLOW == WS ? X_BITS : FEEDER * X_BITS;
    localparam WORDS = DATAFLOW == WS ? DEPTH : DEPTH / FEEDER;

    reg half_reg;
    reg [15:0] element_reg;
    reg [LANES-1:0] valid_reg;
    integer i;
    always @(posedge clk) begin
        if (read_valid) half_reg <= read_half;
        element_reg <= element;
        for (i = 0; i < LANES; i = i + 1) valid_reg[i] <= read_valid && i < {16'd0, lanes_left};
    end

    genvar l;
    genvar h;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : g_lane
            wire mine;
            wire [WIDTH-1:0] data;
            wire [2*WIDTH-1:0] words;
            if (DATAFLOW == WS) begin : g_dealt
                wire [15:0] place = l - write_lane;   // channel of the word, counted from the group's first
                wire [15:0] channel = place + write_from;
                assign mine = place < write_count;
                assign data = word[channel*X_BITS +: X_BITS];
            end else begin : g_whole
                assign mine = write_lane == l;
                assign data = word;
            end
            for (h = 0; h < 2; h = h + 1) begin : g_half
                limen_bank #(.WIDTH(WIDTH), .DEPTH(WORDS)) bank (
                    .clk(clk),
                    .write_enable(write_valid && mine && write_half == h), .write_addr(write_addr), .write_data(data),
                    .read_enable(read_valid && read_half == h), .read_addr(read_addr),
                    .read_data(words[h*WIDTH +: WIDTH])
                );
            end
            wire [WIDTH-1:0] own = half_reg ? words[WIDTH +: WIDTH] : words[0 +: WIDTH];
            wire [X_BITS-1:0] operand;
            if (DATAFLOW == WS) begin : g_single
                assign operand = own;
            end else begin : g_element
                assign operand = own[element_reg*X_BITS +: X_BITS];
            end
            assign x_out[l*X_BITS +: X_BITS] = valid_reg[l] ? operand : NEUTRAL;
        end
        if (DATAFLOW != WS) begin : g_unused
            wire unused = &{1'b0, write_from, write_count};
        end else begin : g_unused_element
            wire unused = &{1'b0, element_reg};
        end
    endgenerate
endmodule

`default_nettype wire
