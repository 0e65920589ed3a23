#!/usr/bin/env bash
# Writes the page's example clips, spoken by espeak-ng, as small files: `assets/web/examples/*.mp3`.
#
#     apt-get install espeak-ng ffmpeg
#     crates/sc-server/scripts/speak_examples.sh
set -euo pipefail
cd "$(dirname "$0")/../../../assets/web/examples"

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# clip NAME SECONDS RATE FILTER INPUT...: one of the clips, at RATE bits a second and the 16 kHz that the network hears.
# MP3 is what every browser plays.
clip() {
    ffmpeg -nostdin -loglevel error -y "${@:5}" -af "$4" -t "$2" \
        -ac 1 -ar 16000 -b:a "$3" -map_metadata -1 -fflags +bitexact -write_xing 0 -id3v2_version 0 "$1.mp3"
}

# word NAME VOICE WORD: a word in the middle of a second.
word() {
    espeak-ng -v "$2" -s 140 -w "$work/$1.wav" "$3"
    clip "$1" 1.2 24k 'adelay=200,apad' -i "$work/$1.wav"
}

word yes en-us+f3 yes
word stop en-gb+m3 stop
word banana en-us+f2 banana
# A command now and then in a tale, for `/detect`.
espeak-ng -v en-gb+m7 -s 140 -w "$work/several.wav" -m \
    '<speak>go <break time="900ms"/> left <break time="900ms"/> kitchen <break time="900ms"/> right <break time="900ms"/> stop</speak>'
clip several 7 16k 'adelay=400,apad' -i "$work/several.wav"
# Nobody speaks: the noise of a fan, more or less.
clip noise 1.2 24k 'volume=0.05' -f lavfi -i 'anoisesrc=color=brown:seed=1'
