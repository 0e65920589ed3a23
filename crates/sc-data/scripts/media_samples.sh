#!/bin/sh
# Writes tests/media: a synthetic word in each supported format, and for each lossy format the samples that ffmpeg decodes.
# opusdec decodes Opus instead, because ffmpeg resamples speech with another filter.
# It needs espeak-ng, ffmpeg and opus-tools; the files are by ffmpeg 5.1 and opusdec 0.2.
set -eu
cd "$(dirname "$0")/../tests/media"

encode() { ffmpeg -nostdin -v error -y -i word.wav -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$@"; }
judge() { ffmpeg -nostdin -v error -y -i "$1" -map_metadata -1 -fflags +bitexact -ar 16000 -ac 1 -c:a pcm_s16le "$1.wav"; }

espeak-ng -v en-us -s 130 --stdout "yes" |
    ffmpeg -nostdin -v error -y -i - -af adelay=200,apad -t 1 -ar 16000 -fflags +bitexact -c:a pcm_s16le word.wav
encode -c:a pcm_alaw alaw.wav
encode -c:a pcm_mulaw mulaw.wav
encode -c:a pcm_f64le double.wav
encode -c:a adpcm_ima_wav ima-adpcm.wav
encode -c:a adpcm_ms ms-adpcm.wav
encode word.aiff
encode word.flac
encode -c:a pcm_s16be word.caf
encode -c:a pcm_s16be word.au
encode -c:a pcm_s16le word.w64
encode -rf64 always -c:a pcm_s16le rf64.wav
encode -c:a alac alac.m4a
encode -b:a 64k word.mp3
encode -c:a mp2 -b:a 64k word.mp2
encode -c:a libvorbis -b:a 64k word.ogg
encode -c:a aac -b:a 64k word.m4a
ffmpeg -nostdin -v error -y -i word.m4a -c copy word.aac
encode -c:a libopus -b:a 32k word.opus
for file in word.webm word.opus.mp4; do ffmpeg -nostdin -v error -y -i word.opus -c copy -fflags +bitexact "$file"; done
# A video: three seconds of a black picture, and the word in the first.
ffmpeg -nostdin -v error -y -f lavfi -i color=black:s=16x16:r=5:d=3 -i word.opus -c:v libvpx -c:a copy -map_metadata -1 -fflags +bitexact \
    -flags:v +bitexact picture.webm
for file in word.mp3 word.mp2 word.ogg word.m4a; do judge "$file"; done
opusdec --quiet --rate 48000 --no-dither --force-wav word.opus word.opus.wav
