"""The published replica profiles, row by row as in their table (milliseconds there too).

The figures carry over unchanged; where each came from and how far it can be trusted stands beside
it.
"""

from types import MappingProxyType

from autoscaler.emulator.profiles import Profile, read_profile

_HEADER = (
    "profile,source,engine,prefill_a_ms,prefill_b_ms_per_tok,prefill_c_ms_per_tok2,decode_d_ms,"
    "decode_e_ms_per_seq,decode_f_ms_per_ctx_tok,host_overhead_ms_per_step,multiplier_included,"
    "kv_capacity_tokens,startup_s,validation_level,validation_note"
)
_ROWS = (
    (
        "llama-3.1-8b_1xH100-80_bf16,aic_h100_sxm,vLLM 0.19.0 kernels,"
        "3.989,0.017144,6.827e-07,6.405,0.00795,4.256e-05,0.5,1.0,411529,25,"
        'IN-SAMPLE,"overhead picked from {0,0.5,1} on the 2 published guidellm points '
        "themselves: rps +3%/-2%, ITL -1%/-9%; TTFT at c=64 NOT matched (144 vs 26 "
        'ms)"'
    ),
    (
        "llama-3.1-8b_1xA100-80_bf16,aic_a100_sxm,vLLM 0.14.0 kernels,"
        "6.408,0.05622,1.7384e-06,11.509,0.03274,8.376e-05,1.0,1.05,411529,45,"
        'NONE,"multiplier and overhead assumed"'
    ),
    (
        "llama-3.1-8b_1xL40S_bf16,aic_l40s,vLLM 0.14.0 kernels,"
        "17.911,0.049202,3.1272e-06,23.242,0.0306,0.00020195,1.0,1.05,191802,25,"
        'NONE,"multiplier and overhead assumed"'
    ),
    (
        "llama-3.1-8b_1xRTXPRO6000_bf16,llmservingsim_RTXPRO6000,vLLM 0.19.0 layer profile,"
        "7.495,0.036554,1.3311e-06,11.821,0.02075,9.487e-05,1.0,1.06,521392,25,"
        'IN-SAMPLE,"(1.06,1.0) chosen on this log: TPOT +0.1% e2e -0.5% TTFT -2% vs '
        'real vLLM 0.19"'
    ),
    (
        "llama-2-70b_8xA100-80_fp16_2023,splitwise,vLLM 0.2-era (2023),"
        "36.635,0.127069,4.249e-06,44.072,0.18975,0.00033543,0.0,1.0,1200000,120,"
        'FIT ONLY,"whole-step measurements (2023 engine), 13 prefill + 19 decode '
        'points, batch<=64"'
    ),
    (
        "llama-2-70b_8xH100-80_fp16_2023,splitwise,vLLM 0.2-era (2023),"
        "31.571,0.057245,1.4874e-06,29.889,0.19928,0.0001785,0.0,1.0,1200000,120,"
        'FIT ONLY,"as A100 row"'
    ),
)

PROFILES: MappingProxyType[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (read_profile([_HEADER, row]) for row in _ROWS)}
)
"""All of them by name. Start-up seconds are the engine's alone; those of the 70B rows, and the one
of the RTX PRO 6000, are assumptions."""

DEFAULT_PROFILE = "llama-3.1-8b_1xH100-80_bf16"
"""The profile that benchmarks and demos name unless told otherwise."""
