// What each cycle is spent on, and which memories are accessed in it: for whoever counts. Combinational.
//
// While a tile is computed, the phase is that of the folds; while none is, the cycle is a stall for what is waited for.
`default_nettype none

module limen_phase (
    input  wire        running,            // from start to the program's end
    input  wire        compute_busy,
    input  wire [2:0]  fold_phase,
    input  wire        dma_busy,
    input  wire        dma_picking,        // between transfers
    input  wire [2:0]  kind,               // what the DMA is moving
    input  wire        scatter_busy,       // residuals wait to be written
    output wire [3:0]  phase,
    // accesses in this cycle
    input  wire        beat_in,
    input  wire        beat_out_valid,
    input  wire        beat_out_ready,
    input  wire        ifmap_read,
    input  wire        filter_read,
    input  wire        channel_read,
    input  wire        pack_read,
    input  wire        layer_begins,       // the next cycle is a layer's first
    output wire [6:0]  activity            // 0 a beat in, 1 a beat out, 2..5 reads as above, 6 layer_begins
);
    localparam [2:0] KIND_STORE = 3'd0, KIND_FILTER = 3'd3, KIND_IFMAP = 3'd4, KIND_RESIDUAL = 3'd5;
    localparam [3:0] PHASE_IDLE = 4'd0, PHASE_STALL_IFMAP = 4'd7, PHASE_STALL_FILTER = 4'd8, PHASE_STALL_OFMAP = 4'd9,
        PHASE_STALL_CONTROL = 4'd10;

    wire [3:0] transfer_phase =
        kind == KIND_STORE ? PHASE_STALL_OFMAP :
        kind == KIND_FILTER ? PHASE_STALL_FILTER :
        kind == KIND_IFMAP || kind == KIND_RESIDUAL ? PHASE_STALL_IFMAP : PHASE_STALL_CONTROL;
    wire [3:0] dma_phase =
        dma_busy ? (dma_picking ? PHASE_STALL_CONTROL : transfer_phase) :
        scatter_busy ? PHASE_STALL_IFMAP : PHASE_STALL_CONTROL;
    assign phase = compute_busy ? {1'b0, fold_phase} : running ? dma_phase : PHASE_IDLE;
    assign activity = {
        layer_begins, pack_read, channel_read, filter_read, ifmap_read, beat_out_valid & beat_out_ready, beat_in
    };
endmodule

`default_nettype wire
