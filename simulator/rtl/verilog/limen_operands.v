// Operand memory of the array's activations: two blocks of banks, one bank a lane, all read at one address.
//
// Under os and is a bank's word holds FEEDER channels of one pixel, of which `element` is handed out; under ws
// it holds one activation, and the words coming in are dealt over the lanes.
//
// No handshake: a word may come and operands may be asked for every cycle; who fills and who reads keep to different
// blocks. Operands answer one cycle after read_valid; after a cycle without it, all lanes hand out the neutral operand.
`default_nettype none

module limen_operands #(
    parameter LANES = 4,      // array lanes that carry activations: R, under is C; 1 at least
    parameter DATAFLOW = 0,   // 0: os, 1: ws, 2: is
    parameter FEEDER = 4,     // channels a word, a power of two: 1..32
    parameter X_BITS = 8,     // activation width, 2..16
    parameter DEPTH = 256,    // activations a bank and block, FEEDER..65536; under os and is only whole words count
    parameter [X_BITS-1:0] NEUTRAL = 0  // the activation handed out where there is none, of any value
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
    localparam OS = 0;
    localparam WS = 1;
    localparam IS = 2;
    localparam WIDTH = DATAFLOW == WS ? X_BITS : FEEDER * X_BITS;
    localparam WORDS = DATAFLOW == WS ? DEPTH : DEPTH / FEEDER;

    generate
        if (DATAFLOW < OS || DATAFLOW > IS) begin : g_wrong_dataflow
            limen_wrong_parameter dataflow_is_0_1_or_2 ();
        end
        if (LANES < 1 || X_BITS < 2 || FEEDER < 1 || (FEEDER & (FEEDER - 1)) != 0 || DEPTH < FEEDER) begin : g_wrong
            limen_wrong_parameter feeder_is_a_power_of_two_and_depth_holds_a_word ();
        end
    endgenerate

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
            wire is_written;
            wire [WIDTH-1:0] data;
            wire [2*WIDTH-1:0] words;
            if (DATAFLOW == WS) begin : g_dealt
                wire [15:0] place = l - write_lane;   // channel of the word, counted from the group's first
                wire [15:0] channel = place + write_from;
                assign is_written = place < write_count;
                assign data = word[channel*X_BITS +: X_BITS];
            end else begin : g_whole
                assign is_written = write_lane == l;
                assign data = word;
            end
            for (h = 0; h < 2; h = h + 1) begin : g_half
                limen_bank #(.WIDTH(WIDTH), .DEPTH(WORDS)) bank (
                    .clk(clk),
                    .write_enable(write_valid && is_written && write_half == h),
                    .write_addr(write_addr), .write_data(data),
                    .read_enable(read_valid && read_half == h), .read_addr(read_addr),
                    .read_data(words[h*WIDTH +: WIDTH])
                );
            end
            wire [WIDTH-1:0] word_read = half_reg ? words[WIDTH +: WIDTH] : words[0 +: WIDTH];
            wire [X_BITS-1:0] operand;
            if (DATAFLOW == WS) begin : g_single
                assign operand = word_read;
            end else begin : g_element
                assign operand = word_read[element_reg*X_BITS +: X_BITS];
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
