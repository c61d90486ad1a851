// Double-buffered scratchpad: densely packed beats in, one row a cycle out.
//
// Rows lie in the stream without gaps and straddle beats. Up to BANKS rows end in one beat, so rows are dealt to that
// many banks in turn. One half fills while the other is read.
//
// Where rows have LANES, single lanes of one can be written too, in cycles without a beat.
//
// There is no ready: a beat is taken in every cycle with beat_valid, and the rows that end in it can be read from the
// next cycle on. skip, base and rows are looked at with a run's first beat, fill_half with each. read_data answers one
// cycle after read_enable and stays until the next read.
`default_nettype none

module limen_scratchpad #(
    parameter WIDTH = 32,      // bits a row, 1 at least
    parameter DEPTH = 256,     // rows of each half, 0..65536; 0 where no network of the design stores any
    parameter PORT_BITS = 64,  // bits a beat: 32, 64, 128, 256 or 512
    parameter LANES = 0        // lanes a row that are written alone, a divisor of WIDTH; 0: none is
) (
    input  wire                          clk,
    // fill
    input  wire                          beat_valid,
    input  wire                          beat_first,   // of a run: rows start at `base`, after `skip` bits
    input  wire [PORT_BITS-1:0]          beat,
    input  wire [$clog2(PORT_BITS)-1:0]  skip,
    input  wire [15:0]                   base,
    input  wire [15:0]                   rows,         // of the run; what follows them in the last beat is dropped
    input  wire                          fill_half,
    // fill, lane by lane
    input  wire [(LANES > 0 ? LANES : 1)-1:0]  lane_write,
    input  wire [15:0]                   lane_row,
    input  wire [WIDTH-1:0]              lane_data,
    // read
    input  wire                          read_enable,
    input  wire                          read_half,
    input  wire [15:0]                   read_row,
    output wire [WIDTH-1:0]              read_data
);
    localparam MOST = (PORT_BITS + WIDTH - 1) / WIDTH;  // rows that can end in one beat
    localparam BANK_BITS = $clog2(MOST);
    localparam BANKS = 1 << BANK_BITS;
    localparam STREAM_BITS = PORT_BITS + WIDTH;
    localparam COUNT_BITS = $clog2(STREAM_BITS + 1);
    localparam LANE_WIDTH = LANES > 0 ? WIDTH / LANES : WIDTH;
    localparam BANK_DEPTH = (DEPTH + BANKS - 1) / BANKS;
    localparam [31:0] PORT_COUNT = PORT_BITS;
    localparam [31:0] ROW_COUNT = WIDTH;
    localparam PLACE_BITS = $clog2(WIDTH);
    localparam SPACE = 1 << PLACE_BITS;  // from word to word where one is chosen
    localparam [31:0] LAST_BANK = BANKS - 1;

    generate
        if (WIDTH < 1 || DEPTH < 0 || DEPTH > 65536) begin : g_wrong
            limen_wrong_parameter width_is_1_at_least_and_depth_0_to_65536 ();
        end
        if (LANES < 0 || (LANES > 0 && WIDTH % LANES != 0)) begin : g_wrong_lanes
            limen_wrong_parameter lanes_are_0_or_divide_width ();
        end
        if (PORT_BITS < 32 || PORT_BITS > 512 || (PORT_BITS & (PORT_BITS - 1)) != 0) begin : g_wrong_port
            limen_wrong_parameter port_bits_are_32_64_128_256_or_512 ();
        end
    endgenerate

    reg [WIDTH-1:0] carry_reg;               // bits of a row that has not ended
    reg [COUNT_BITS-1:0] carry_count_reg;
    reg [15:0] row_reg;                      // next row
    reg [15:0] rows_left_reg;

    wire [COUNT_BITS-1:0] held = beat_first ? {COUNT_BITS{1'b0}} : carry_count_reg;
    wire [COUNT_BITS-1:0] skipped = beat_first ? {{(COUNT_BITS - $clog2(PORT_BITS)){1'b0}}, skip} : {COUNT_BITS{1'b0}};
    wire [15:0] row = beat_first ? base : row_reg;
    wire [15:0] rows_left = beat_first ? rows : rows_left_reg;
    wire [STREAM_BITS-1:0] carried = beat_first ? {STREAM_BITS{1'b0}} : {{PORT_BITS{1'b0}}, carry_reg};
    wire [STREAM_BITS-1:0] fresh = {{WIDTH{1'b0}}, beat};
    wire [STREAM_BITS-1:0] stream = carried | ((fresh >> skipped) << held);
    wire [COUNT_BITS-1:0] total = held + PORT_COUNT[COUNT_BITS-1:0] - skipped;

    // Rows that end in this beat, and what is left of the stream after them.
    reg [COUNT_BITS-1:0] ended;
    reg [COUNT_BITS-1:0] ended_bits;
    integer j;
    always @* begin
        ended = {COUNT_BITS{1'b0}};
        ended_bits = {COUNT_BITS{1'b0}};
        for (j = 1; j <= MOST; j = j + 1)
            if (total >= j[COUNT_BITS-1:0] * ROW_COUNT[COUNT_BITS-1:0]) begin
                ended = j[COUNT_BITS-1:0];
                ended_bits = j[COUNT_BITS-1:0] * ROW_COUNT[COUNT_BITS-1:0];
            end
    end
    wire [STREAM_BITS-1:0] rest = stream >> ended_bits;
    wire [15:0] taken = {{(16 - COUNT_BITS){1'b0}}, ended};

    always @(posedge clk) if (beat_valid) begin
        carry_reg <= rest[WIDTH-1:0];
        carry_count_reg <= total - ended_bits;
        row_reg <= row + taken;
        rows_left_reg <= rows_left > taken ? rows_left - taken : 16'd0;
    end

    wire [2*BANKS*SPACE-1:0] words;
    genvar h;
    genvar b;
    genvar l;
    generate
        for (b = 0; b < BANKS; b = b + 1) begin : g_bank
            // Which of the ended rows is this bank's: the one whose number ends in b.
            wire [15:0] place = (b[15:0] - row) & LAST_BANK[15:0];
            wire [15:0] bank_row = row + place;
            wire is_written = beat_valid && place < taken && place < rows_left;
            wire [STREAM_BITS-1:0] shifted = stream >> (place[COUNT_BITS-1:0] * ROW_COUNT[COUNT_BITS-1:0]);
            wire unused = &{1'b0, shifted[STREAM_BITS-1:WIDTH]};
            for (h = 0; h < 2; h = h + 1) begin : g_half
                if (SPACE > WIDTH) begin : g_space
                    assign words[(h*BANKS+b)*SPACE+WIDTH +: SPACE-WIDTH] = {(SPACE-WIDTH){1'b0}};
                end
                if (LANES == 0) begin : g_whole
                    limen_bank #(.WIDTH(WIDTH), .DEPTH(BANK_DEPTH)) bank (
                        .clk(clk),
                        .write_enable(is_written && fill_half == h), .write_addr(bank_row >> BANK_BITS),
                        .write_data(shifted[WIDTH-1:0]),
                        .read_enable(read_enable && read_half == h), .read_addr(read_row >> BANK_BITS),
                        .read_data(words[(h*BANKS+b)*SPACE +: WIDTH])
                    );
                end else begin : g_by_lane
                    wire is_lane_row = (lane_row & LAST_BANK[15:0]) == b && fill_half == h;
                    for (l = 0; l < LANES; l = l + 1) begin : g_lane
                        limen_bank #(.WIDTH(LANE_WIDTH), .DEPTH(BANK_DEPTH)) bank (
                            .clk(clk),
                            .write_enable((is_written && fill_half == h) || (lane_write[l] && is_lane_row)),
                            .write_addr((is_written ? bank_row : lane_row) >> BANK_BITS),
                            .write_data(is_written ? shifted[l*LANE_WIDTH +: LANE_WIDTH]
                                : lane_data[l*LANE_WIDTH +: LANE_WIDTH]),
                            .read_enable(read_enable && read_half == h), .read_addr(read_row >> BANK_BITS),
                            .read_data(words[(h*BANKS+b)*SPACE+l*LANE_WIDTH +: LANE_WIDTH])
                        );
                    end
                end
            end
        end
    endgenerate

    // The bank and half that answer now.
    reg half_reg;
    reg [15:0] bank_reg;
    always @(posedge clk) if (read_enable) begin
        half_reg <= read_half;
        bank_reg <= read_row & LAST_BANK[15:0];
    end
    wire [15:0] bank_count = LAST_BANK[15:0] + 16'd1;
    wire [15:0] select = half_reg ? bank_reg + bank_count : bank_reg;
    // Words lie SPACE apart, for of an index that is a product tools make a multiplier. One by a power of two is a shift; it
    // is written as one, so that these widths keep the netlists the cost tables are fitted to.
    assign read_data =
        words[(SPACE == WIDTH ? select*WIDTH : {{(16-PLACE_BITS){1'b0}}, select, {PLACE_BITS{1'b0}}}) +: WIDTH];
    wire unused = &{1'b0, rest, lane_write, lane_row, lane_data};
endmodule

`default_nettype wire
