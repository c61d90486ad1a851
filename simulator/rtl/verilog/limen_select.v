// One of several words. Words lie at powers of two inside, whatever their width, so that choosing one takes
// multiplexers only: a slice of a vector that begins at a product becomes a shifter of single bits.
//
// Combinational, without a handshake.
`default_nettype none

module limen_select #(
    parameter WIDTH = 8,  // bits a word, 1 at least
    parameter COUNT = 4   // words, 1..65536
) (
    input  wire [COUNT*WIDTH-1:0]  words,
    input  wire [15:0]             index,  // below COUNT wherever it matters
    output wire [WIDTH-1:0]        word
);
    localparam PLACE_BITS = $clog2(WIDTH);
    localparam SPACE = 1 << PLACE_BITS;
    localparam INDEX_BITS = $clog2(COUNT);
    genvar i;
    generate
        if (WIDTH < 1 || COUNT < 1 || COUNT > 65536) begin : g_wrong
            limen_wrong_parameter width_is_1_at_least_and_count_1_to_65536 ();
        end

        if (COUNT == 1) begin : g_only
            assign word = words;
        end else begin : g_choice
            wire [COUNT*SPACE-1:0] spread;
            wire [INDEX_BITS+PLACE_BITS-1:0] place = {{PLACE_BITS{1'b0}}, index[INDEX_BITS-1:0]} << PLACE_BITS;
            for (i = 0; i < COUNT; i = i + 1) begin : g_word
                assign spread[i*SPACE +: SPACE] = {{(SPACE-WIDTH){1'b0}}, words[i*WIDTH +: WIDTH]};
            end
            assign word = spread[place +: WIDTH];
            wire unused_space = &{1'b0, spread};
        end
    endgenerate
    wire unused = &{1'b0, index};
endmodule

`default_nettype wire
